package redact

import "strings"

// treatment is what a key demands for its value.
type treatment int

const (
	open   treatment = iota // nothing
	number                  // a scalar keeps its last digits; objects below are looked at key by key
	deep                    // the same for everything below
	person                  // a scalar is hidden; objects below are looked at key by key
	secret                  // hidden with everything below

	asKept // nothing, also not by the look of a text: it has been redacted before
	named  // shown by the caller's mask, with everything below
)

// inside is the treatment that goes on below a value of treatment t.
func (t treatment) inside() treatment {
	switch t {
	case deep, secret, asKept, named:
		return t
	default:
		return open
	}
}

// The keys as the four providers (and merchants' metadata) spell them, in lower
// case without separators.
var byKey = func() map[string]treatment {
	m := map[string]treatment{}
	add := func(t treatment, keys string) {
		for _, k := range strings.Fields(keys) {
			m[k] = t
		}
	}
	add(secret, `authorization pin otp cvc cvv encryptionkey consumerkey key apikey signature fingerprint
		preauthorisationcode first6 first8 last4 last4digits expmonth expyear browserinfo wholeconnectorresponse
		address shippingaddress billingaddress customerdocumentdetails dateofbirth dob ip ipaddress`)
	add(deep, `phone mobile pan iban bic vpa vpaid pixkey taxid routingnumber sortcode billing shipping
		payoutmethoddata paymentmethoddata sourcebankdata banktransfer bank bankaccount savedmethod`)
	add(number, `msisdn accountnumber accountno account virtualaccountnumber bankaccountnumber bankaccountiban
		recipient payer payee sender receiver receiverpartypublicname beneficiary customer number`)
	add(person, `name email accountname virtualaccountname customername holdername accountholdername
		cardholdername firstname lastname middlename surname givenname familyname fullname nickname username
		recipientname payername payeename beneficiaryname receivername sendername contactname
		line1 line2 line3 street zip postalcode`)
	return m
}()

// of says how the value of a key is treated.
func of(key string) treatment {
	k := strings.Map(func(r rune) rune {
		switch {
		case r >= 'A' && r <= 'Z':
			return r + 'a' - 'A'
		case r == '_' || r == '-' || r == ' ' || r == '.':
			return -1
		}
		return r
	}, key)
	if t, ok := byKey[k]; ok {
		return t
	}
	for _, end := range []string{"token", "secret", "password", "passwd", "apikey", "signature", "fingerprint"} {
		if strings.HasSuffix(k, end) {
			return secret
		}
	}
	switch {
	case strings.HasPrefix(k, "card"):
		return deep
	case strings.Contains(k, "phone"), strings.Contains(k, "msisdn"), strings.Contains(k, "mobilenumber"):
		return deep
	case strings.Contains(k, "email"), strings.HasSuffix(k, "holdername"), strings.HasSuffix(k, "customername"):
		return person
	case strings.HasSuffix(k, "accountnumber"), strings.HasSuffix(k, "iban"):
		return number
	}
	return open
}
