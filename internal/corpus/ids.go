package corpus

import (
	"encoding/hex"
	"fmt"

	"tieout/internal/payment"
)

const (
	alnum     = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
	capitals  = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
	pesawayID = 1 << 40 // ids that ten hexadecimal digits can name
)

func (r *random) text(alphabet string, n int) string {
	b := make([]byte, n)
	for i := range b {
		b[i] = alphabet[r.n(len(alphabet))]
	}
	return string(b)
}

func (r *random) digits(n int) string { return r.text("0123456789", n) }

// uuid makes a version 4 UUID in lower case.
func (r *random) uuid() string {
	var raw [16]byte
	for i := 0; i < 16; i += 8 {
		v := r.uint64()
		for j := range 8 {
			raw[i+j] = byte(v >> (8 * j))
		}
	}
	raw[6] = raw[6]&0x0f | 0x40
	raw[8] = raw[8]&0x3f | 0x80
	h := hex.EncodeToString(raw[:])
	return h[:8] + "-" + h[8:12] + "-" + h[12:16] + "-" + h[16:20] + "-" + h[20:]
}

// providerID makes an id as the provider's own would be.
func (g *generator) providerID(a *account, k payment.Kind) string {
	switch a.Type {
	case Pesaswap:
		if k == payment.Payout {
			return "payout_" + g.r.text(alnum, 20)
		}
		return "pay_" + g.r.text(alnum, 20)
	case Pesaway:
		// Ten digits are too few for chance: a counter, multiplied by an odd
		// number, meets each id once.
		g.pesaway++
		return fmt.Sprintf("PHY%010X", (g.pesaway*g.pesawayStep+g.pesawayStart)%pesawayID)
	default:
		return g.r.uuid()
	}
}

// receipt makes a receipt number of the network behind the provider.
func (g *generator) receipt(a *account) string {
	switch a.Type {
	case Pawapay:
		return g.r.digits(11)
	case Pivot:
		return ""
	default:
		return "U" + g.r.text(capitals, 9)
	}
}

func (g *generator) refundID(a *account) string {
	if a.Type == Pesaswap {
		return "ref_" + g.r.text(alnum, 20)
	}
	return g.r.uuid()
}

// paymentID makes payments.id: at pawapay it is the provider's id too.
func (g *generator) paymentID(a *account) string {
	if a.Type == Pivot { // a reference there is alphanumeric, and our id may be sent as one
		return g.r.text("0123456789abcdef", 32)
	}
	return g.r.uuid()
}
