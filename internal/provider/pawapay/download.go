package pawapay

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"

	"tieout/internal/provider/httpx"
)

const (
	// maxStatementFile bounds a file in memory, where it stays compressed:
	// some five million rows.
	maxStatementFile = 256 << 20
	downloadTimeout  = 5 * time.Minute
)

// download fetches a finished statement without the account's token, which no
// other host may see, and hands its rows on.
func (c *client) download(ctx context.Context, o *order, m made, read reader) (string, error) {
	if t, err := parseTime(string(m.ExpiresAt)); err == nil && !c.now().Before(t) {
		return "the statement's file has expired", errGone
	}
	if m.DownloadURL == "" {
		return "the statement is finished and has no downloadUrl", nil
	}
	resp, err := c.http.Do(ctx, httpx.Request{Foreign: string(m.DownloadURL), MaxBody: maxStatementFile, Timeout: downloadTimeout})
	switch {
	case ctx.Err() != nil:
		return "", ctx.Err()
	case err != nil:
		return "the statement's file can't be fetched: " + noAnswer(err).reason, nil
	case resp.Status >= 400 && resp.Status < 500 && resp.Status != http.StatusTooManyRequests:
		return fmt.Sprintf("the statement's file was refused (HTTP %d)", resp.Status), errGone
	case resp.Status != http.StatusOK:
		return fmt.Sprintf("the statement's file can't be fetched (HTTP %d)", resp.Status), nil
	}
	size, err := strconv.ParseInt(string(m.FileSize), 10, 64)
	if err == nil && int64(len(resp.Body)) < size && !zipped(resp.Body) {
		return "the statement's file breaks off", nil
	}
	return read(*o, resp.Body)
}

// zipped tells a gzip file by its content; the HTTP layer does not mark it.
func zipped(b []byte) bool { return len(b) > 1 && b[0] == 0x1f && b[1] == 0x8b }

func unzip(b []byte) (io.Reader, error) {
	if !zipped(b) {
		return bytes.NewReader(b), nil
	}
	return gzip.NewReader(bytes.NewReader(b))
}
