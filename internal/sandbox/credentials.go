package sandbox

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"

	"tieout/internal/corpus"
)

// credentials makes the credentials of an account, the same for the same seed
// and name. They open nothing but a sandbox.
func credentials(seed int64, a corpus.Account) map[string]string {
	word := func(field string, n int) string {
		sum := sha256.Sum256(fmt.Appendf(nil, "%d/%s/%s", seed, a.Name, field))
		return hex.EncodeToString(sum[:])[:n]
	}
	switch a.Type {
	case corpus.Pawapay:
		return map[string]string{"token": "sandbox-" + word("token", 40)}
	case corpus.Pesaswap:
		return map[string]string{"api_key": "snd_" + word("api_key", 48), "webhook_key": word("webhook_key", 64)}
	default:
		return map[string]string{"client_id": "sandbox-" + word("client_id", 16), "client_secret": word("client_secret", 40), "callback_key": word("callback_key", 40)}
	}
}
