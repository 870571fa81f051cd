package pesaway

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
)

// Check reads the account's balance and says what it is.
func (c *client) Check(ctx context.Context) (string, error) {
	method, request := http.MethodGet, any(nil)
	if c.opts.generation == "C" && c.opts.merchantCode != "" {
		method = http.MethodPost
		request = struct {
			MerchantCode string `json:"MerchantCode"`
			Currency     string `json:"Currency"`
		}{c.opts.merchantCode, c.opts.currency}
	}
	body, t := c.call(ctx, method, balancePath, request)
	if t != nil {
		return "", fmt.Errorf("check PesaWay's balance: %w", t)
	}
	var b struct {
		Current   text `json:"current"`
		Available text `json:"available"`
	}
	if err := json.Unmarshal(body, &b); err != nil {
		return "", errors.New("check PesaWay's balance: the answer can't be read; check base_url")
	}
	line := "PesaWay answers, generation " + c.opts.generation
	if c.opts.region != "" {
		line += ", region " + c.opts.region
	}
	current, err1 := c.scale.Parse(string(b.Current), c.opts.currency)
	available, err2 := c.scale.Parse(string(b.Available), c.opts.currency)
	if err1 != nil || err2 != nil {
		return line + "; the balance can't be read", nil
	}
	return fmt.Sprintf("%s; balance %s, available %s", line, current.Human(), available.Human()), nil
}
