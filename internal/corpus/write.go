package corpus

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"time"

	"tieout/internal/payment"
)

// PaymentsHeader is the header of `import payments`.
func PaymentsHeader() []string {
	return []string{
		"id", "kind", "provider", "provider_payment_id", "reference", "amount", "currency", "status", "account", "customer_id",
		"save_method", "metadata", "created_at", "updated_at", "refunded_amount", "refund_ids",
	}
}

// WritePaymentsCSV writes the payments as `import payments` reads them.
func (w World) WritePaymentsCSV(out io.Writer) error {
	c := csv.NewWriter(out)
	if err := c.Write(PaymentsHeader()); err != nil {
		return fmt.Errorf("writing the payments: %w", err)
	}
	for _, p := range w.Payments {
		row, err := paymentRow(p)
		if err != nil {
			return fmt.Errorf("writing payment %s: %w", p.ID, err)
		}
		if err := c.Write(row); err != nil {
			return fmt.Errorf("writing payment %s: %w", p.ID, err)
		}
	}
	c.Flush()
	if err := c.Error(); err != nil {
		return fmt.Errorf("writing the payments: %w", err)
	}
	return nil
}

func paymentRow(p payment.Payment) ([]string, error) {
	metadata, err := json.Marshal(p.Metadata)
	if err != nil {
		return nil, err
	}
	if p.Metadata == nil {
		metadata = []byte("{}")
	}
	refunds, err := json.Marshal(p.RefundIDs)
	if err != nil {
		return nil, err
	}
	if p.RefundIDs == nil {
		refunds = []byte("[]")
	}
	return []string{
		p.ID, string(p.Kind), p.Provider, p.ProviderPaymentID, p.Reference, p.Amount.String(), p.Amount.Currency, string(p.Status),
		p.Account, p.CustomerID, strconv.FormatBool(p.SaveMethod), string(metadata), p.CreatedAt.UTC().Format(time.RFC3339Nano),
		p.UpdatedAt.UTC().Format(time.RFC3339Nano), p.Refunded.String(), string(refunds),
	}, nil
}

// WritePlanted writes the planted differences as indented JSON.
func (w World) WritePlanted(out io.Writer) error {
	list := w.Planted
	if list == nil {
		list = []Planted{}
	}
	e := json.NewEncoder(out)
	e.SetIndent("", "  ")
	if err := e.Encode(list); err != nil {
		return fmt.Errorf("writing the planted differences: %w", err)
	}
	return nil
}
