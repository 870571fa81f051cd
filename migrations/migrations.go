// Package migrations holds the schema of tieout's database as numbered,
// forward-only SQL, embedded in the binary.
package migrations

import "embed"

// FS holds the SQL files.
//
//go:embed *.sql
var FS embed.FS
