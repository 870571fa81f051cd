package pesaway

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"

	"tieout/internal/provider"
)

// Check reads the account's balance and says what it is.
func (c *client) Check(ctx context.Context) (string, error) {
	b, err := c.balance(ctx)
	if err != nil {
		return "", fmt.Errorf("check PesaWay's balance: %w", err)
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

// Balances implements provider.Balances: all money of the account's one wallet,
// also what can't be used yet.
func (c *client) Balances(ctx context.Context) ([]provider.Balance, error) {
	b, err := c.balance(ctx)
	if err != nil {
		return nil, fmt.Errorf("read PesaWay's balance: %w", err)
	}
	current, err := c.scale.Parse(string(b.Current), c.opts.currency)
	if err != nil {
		return nil, fmt.Errorf("read PesaWay's balance: %w", err)
	}
	return []provider.Balance{{Wallet: "account", Amount: current}}, nil
}

type balance struct {
	Current   text `json:"current"`
	Available text `json:"available"`
}

func (c *client) balance(ctx context.Context) (balance, error) {
	method, request := http.MethodGet, any(nil)
	if c.opts.generation == "C" && c.opts.merchantCode != "" {
		method = http.MethodPost
		request = struct {
			MerchantCode string `json:"MerchantCode"`
			Currency     string `json:"Currency"`
		}{c.opts.merchantCode, c.opts.currency}
	}
	var b balance
	body, t := c.call(ctx, method, balancePath, request)
	if t != nil {
		return b, t
	}
	if err := json.Unmarshal(body, &b); err != nil {
		return b, errors.New("the answer can't be read; check base_url")
	}
	return b, nil
}
