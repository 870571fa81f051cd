package corpus

import (
	"strings"

	"tieout/internal/money"
	"tieout/internal/payment"
)

var (
	africanNames    = []string{"A Wanjiku", "B Otieno", "C Banda", "D Mwansa", "E Nakato", "F Okello", "G Kamau", "H Achieng", "J Phiri", "K Namukasa", "L Mutua", "M Chirwa"}
	indonesianNames = []string{"Sari Contoh", "Budi Santoso", "Wati Lestari", "Agus Wijaya", "Dewi Anggraini", "Rizki Pratama"}
)

// prefixes of mobile numbers by currency: country code, then the network's.
var prefixes = map[string][]string{
	"ZMW": {"26097", "26096", "26095", "26077", "26076"},
	"UGX": {"25677", "25678", "25676", "25675", "25670"},
	"KES": {"25470", "25471", "25472", "25479", "25411"},
	"USD": {"25470", "25472"},
	"TZS": {"25574", "25565", "25568"},
	"RWF": {"25078", "25073"},
	"GHS": {"23324", "23320", "23327"},
	"IDR": {"62812", "62813", "62857", "62878"},
}

// person is a customer of the merchant; the same number gives the same person.
type person struct{ id, name, phone, bank string }

func (g *generator) person(a *account, currency string, n int) person {
	r := newRandom(g.o.Seed, "person\x00"+a.Name+"\x00"+currency+"\x00"+money.FormatMinor(int64(n), 0))
	list, ok := prefixes[currency]
	if !ok {
		list = prefixes["KES"]
	}
	p := person{name: pick(r, africanNames)}
	prefix := pick(r, list)
	p.phone = prefix + r.digits(12-len(prefix))
	p.bank = r.digits(10)
	switch a.Type {
	case Pesaswap:
		p.id = "cus_" + r.text(alnum, 16)
	case Pivot:
		p.id = r.uuid()
		p.name = pick(r, indonesianNames)
	default:
		p.id = "C-" + r.digits(7)
	}
	return p
}

// account is where the money goes to or comes from.
func (p person) account(a *account, k payment.Kind) string {
	if a.Type == Pivot && k == payment.Payout {
		return p.bank
	}
	return p.phone
}

// national writes an international number as people write it at home.
func national(phone string) string { return "0" + phone[3:] }

// masked hides the middle of an account as a careful provider does.
func masked(account string) string {
	if len(account) < 7 {
		return strings.Repeat("*", len(account))
	}
	return account[:2] + strings.Repeat("*", len(account)-6) + account[len(account)-4:]
}

// amount makes an amount that people pay: many small, few large, mostly round.
func (g *generator) amount(a *account, currency string, k payment.Kind) money.Amount {
	exp, ok := a.Scale.Exponent(currency)
	if !ok {
		exp = 2
	}
	unit := int64(1)
	for range exp {
		unit *= 10
	}
	low, high, step := int64(5), int64(5000), int64(5)
	switch currency {
	case "UGX", "RWF", "TZS":
		low, high, step = 1000, 900_000, 500
	case "KES":
		low, high, step = 50, 70_000, 10
	case "USD", "KWD", "BHD":
		low, high, step = 3, 400, 1
	case "JPY":
		low, high, step = 100, 90_000, 1
	case "IDR":
		low, high, step = 10_000, 5_000_000, 500
	}
	if k == payment.Payout {
		low *= 2
	}
	steps := int((high - low) / step)
	major := low + step*int64(g.r.n(g.r.n(g.r.n(steps)+1)+1)) // thrice: the smaller the likelier
	minor := major * unit
	// The networks behind pesaswap and pivot move whole units only, but for
	// currencies of three decimals.
	if exp == 3 && g.r.chance(500) {
		minor += int64(pick(g.r, []int{5, 50, 125, 999}))
	}
	if exp == 2 && (currency == "ZMW" || currency == "USD" || a.Type == Pesaway) && g.r.chance(300) {
		minor += int64(pick(g.r, []int{25, 50, 75, 99})) * unit / 100
	}
	return money.Amount{Minor: minor, Exp: exp, Currency: currency}
}
