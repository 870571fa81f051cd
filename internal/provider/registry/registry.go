// Package registry names the provider types that this build knows. A fifth
// provider is one new package and one line here.
package registry

import (
	"tieout/internal/provider"
	"tieout/internal/provider/pawapay"
	"tieout/internal/provider/pesaswap"
	"tieout/internal/provider/pesaway"
	"tieout/internal/provider/pivot"
)

// Specs returns all provider types.
func Specs() []provider.Spec {
	return []provider.Spec{
		pawapay.Spec(),
		pesaswap.Spec(),
		pesaway.Spec(),
		pivot.Spec(),
	}
}
