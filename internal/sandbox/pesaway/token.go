package pesaway

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// token issues a token to whom knows the account's credentials.
func (s *server) token(w http.ResponseWriter, r *http.Request) {
	var body struct {
		Key       string `json:"consumer_key"`
		Secret    string `json:"consumer_secret"`
		GrantType string `json:"grant_type"`
	}
	if !s.readBody(w, r, &body) {
		return
	}
	if body.GrantType != "client_credentials" {
		s.fail(w, http.StatusBadRequest, "400.001", "Invalid parameter: grant_type")
		return
	}
	if body.Key == "" || body.Key != s.a.Credentials["client_id"] || body.Secret != s.a.Credentials["client_secret"] {
		s.fail(w, http.StatusUnauthorized, "401.001", "Missing authentication credentials")
		return
	}
	ends := s.a.Now().Add(s.TokenLifetime)
	token := s.sign(ends)
	switch s.TokenShape {
	case TokenUnderData:
		reply(w, http.StatusOK, map[string]any{"code": "200.001", "data": map[string]any{"token": token}})
	case TokenWithExpiry:
		reply(w, http.StatusOK, map[string]any{
			"access_token": token, "token_type": "Bearer", "expires_at": ends.UTC().Format(time.RFC3339),
		})
	default:
		reply(w, http.StatusOK, map[string]any{"access_token": token, "expires_in": int64(s.TokenLifetime / time.Second)})
	}
}

// sign makes a token that carries its own end, so that none need be kept.
func (s *server) sign(ends time.Time) string {
	text := strconv.FormatInt(ends.Unix(), 36)
	mac := hmac.New(sha256.New, []byte(s.a.Credentials["client_secret"]))
	_, _ = mac.Write([]byte(s.a.Credentials["client_id"] + "\n" + text)) // never fails
	return text + "." + base64.RawURLEncoding.EncodeToString(mac.Sum(nil)[:18])
}

func (s *server) authorised(r *http.Request) bool {
	token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	if !ok {
		return false
	}
	text, _, _ := strings.Cut(token, ".")
	unix, err := strconv.ParseInt(text, 36, 64)
	if err != nil {
		return false
	}
	ends := time.Unix(unix, 0)
	return hmac.Equal([]byte(token), []byte(s.sign(ends))) && s.a.Now().Before(ends)
}
