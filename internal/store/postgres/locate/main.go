// Command locate prints the folder of the PostgreSQL server programs that the
// embedded database would use, or one line that says what to install. The
// Makefile asks it.
package main

import (
	"context"
	"fmt"
	"os"

	"tieout/internal/store/postgres"
)

func main() {
	dir, err := postgres.Locate(context.Background())
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Println(dir)
}
