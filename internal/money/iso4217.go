package money

import (
	"maps"
	"slices"
	"strings"
)

// exponents lists the currencies in circulation by ISO 4217 with the decimals
// of their minor unit (list one, 2024 edition with amendments up to 177).
var exponents = func() map[string]int {
	m := map[string]int{}
	add := func(exp int, codes string) {
		for _, c := range strings.Fields(codes) {
			m[c] = exp
		}
	}
	add(0, `BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF`)
	add(3, `BHD IQD JOD KWD LYD OMR TND`)
	add(4, `CLF UYW`)
	add(2, `AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BGN BMD BND BOB BOV BRL BSD BTN BWP BYN BZD
		CAD CDF CHE CHF CHW CNY COP COU CRC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS
		GIP GMD GTQ GYD HKD HNL HTG HUF IDR ILS INR IRR JMD KES KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL
		MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MXV MYR MZN NAD NGN NIO NOK NPR NZD PAB PEN PGK
		PHP PKR PLN QAR RON RSD RUB SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS
		TMT TOP TRY TTD TWD TZS UAH USD USN UYU UZS VED VES WST XCD XCG YER ZAR ZMW ZWG`)
	return m
}()

// Exponent returns the decimals that ISO 4217 gives a currency, and whether the
// code is one of its active currencies.
func Exponent(currency string) (int, bool) {
	e, ok := exponents[currency]
	return e, ok
}

// Currencies lists the active codes in order.
func Currencies() []string {
	return slices.Sorted(maps.Keys(exponents))
}
