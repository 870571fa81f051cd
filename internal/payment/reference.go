package payment

// ReferenceRule is one difference of spelling that does not count when two
// references are compared.
type ReferenceRule string

// The rules.
const (
	IgnoreSpaces       ReferenceRule = "spaces"        // any white space
	IgnoreDashes       ReferenceRule = "dashes"        // hyphens, dashes and underscores
	IgnoreCase         ReferenceRule = "case"          // upper and lower case of the letters A to Z
	IgnoreLeadingZeros ReferenceRule = "leading_zeros" // at the beginning of the whole reference
)

// ReferenceRules are all of them, in the order in which they are applied.
var ReferenceRules = []ReferenceRule{IgnoreSpaces, IgnoreDashes, IgnoreCase, IgnoreLeadingZeros}
