package pesaway_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"tieout/internal/provider/pesaway"
)

const balancePath = "/api/v1/account-balance/"

func TestOptionsAreChecked(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ key, value string }{
		{"region", "xx"},
		{"generation", "D"},
		{"currency", "ABC"},
		{"channel", "card"},
		{"query_method", "PUT"},
		{"list_path", "/api/v1/pull-transactions"},
		{"list_path", "api/v1/pull-transactions/"},
		{"list_path", "/"},
		{"result_codes", "1032"},
		{"result_codes", "1032=completed"},
		{"result_codes", "0=failed"},
		{"result_codes", "2=failed"},
		{"result_codes", "1=cancelled"},
		{"result_codes", "x=failed"},
		{"result_codes", "01=failed"},
	} {
		s := settings(t, "http://127.0.0.1:1")
		s.Options[c.key] = c.value
		_, err := pesaway.Spec().New(s)
		require.Error(t, err, c)
		assert.Contains(t, err.Error(), c.key)
	}
	for _, c := range []struct{ key, value string }{
		{"region", "CM"},
		{"generation", "a"},
		{"currency", "kes"},
		{"channel", "bank"},
		{"query_method", "get"},
		{"merchant_code", "1001"},
		{"list_path", "/pull/"},
		{"result_codes", "1032=cancelled 1037=expired,17=failed"},
		{"result_codes", ""},
	} {
		s := settings(t, "http://127.0.0.1:1")
		s.Options[c.key] = c.value
		_, err := pesaway.Spec().New(s)
		assert.NoError(t, err, c)
		assert.Contains(t, pesaway.Spec().Options, c.key)
	}
	s := settings(t, "http://127.0.0.1:1")
	s.Credentials = nil
	_, err := pesaway.Spec().New(s)
	assert.Error(t, err)
}

func TestSpecTellsThatOnlyTheProvidersIDCanBeAskedFor(t *testing.T) {
	t.Parallel()
	spec := pesaway.Spec()
	assert.Equal(t, "pesaway", spec.Type)
	assert.False(t, spec.AsksByOwnID)
	assert.Equal(t, "https://api.pesaway.com", spec.BaseURL)
	assert.Equal(t, []string{"client_id", "client_secret"}, spec.Required)
	assert.Subset(t, spec.Credentials, spec.Required)
}

func TestCheckReadsTheBalance(t *testing.T) {
	t.Parallel()
	s := newStub(t)
	s.on(balancePath, 200, `{"current":"181000.5","available":"176200.5","uncleared":"3000.0","reserved":"1800.0"}`)
	line, err := client(t, s.URL).Check(context.Background())
	require.NoError(t, err)
	assert.Contains(t, line, "181,000.50 KES")
	assert.Contains(t, line, "176,200.50 KES")
	assert.Equal(t, "GET", s.asked(balancePath)[0].Method)

	// 10: generation C with a merchant code.
	_, err = client(t, s.URL, option("merchant_code", "1001")).Check(context.Background())
	require.NoError(t, err)
	q := s.asked(balancePath)[1]
	assert.Equal(t, "POST", q.Method)
	assert.Equal(t, map[string]any{"MerchantCode": "1001", "Currency": "KES"}, q.Body)

	_, err = client(t, s.URL, option("merchant_code", "1001"), option("generation", "B")).Check(context.Background())
	require.NoError(t, err)
	assert.Equal(t, "GET", s.asked(balancePath)[2].Method)

	s.on(balancePath, 200, `{"available":"1"}`)
	line, err = client(t, s.URL).Check(context.Background())
	require.NoError(t, err)
	assert.Contains(t, line, "can't be read")
}

func TestCheckSaysWhatToDo(t *testing.T) {
	t.Parallel()
	s := newStub(t)
	s.on(tokenPath, 401, `{"code":"401.001"}`)
	_, err := client(t, s.URL).Check(context.Background())
	require.Error(t, err)
	assert.Contains(t, err.Error(), "client_secret")
	assert.NotContains(t, err.Error(), "s3cret-1")

	s.on(tokenPath, 200, `{"access_token":"tok-1"}`)
	s.on(balancePath, 200, `<html>`)
	_, err = client(t, s.URL).Check(context.Background())
	require.Error(t, err)
	assert.Contains(t, err.Error(), "base_url")
}
