package exception

import "strings"

// Near tells whether two references look like one that was mistyped: at most
// two letters changed, left out, added or swapped with their neighbour, in texts
// long enough for that to be no accident. It only ever makes a suggestion.
func Near(a, b string) bool {
	x, y := []rune(strings.ToLower(a)), []rune(strings.ToLower(b))
	if len(x) < 5 || len(y) < 5 || len(x) > 64 || len(y) > 64 {
		return false
	}
	most := 1
	if min(len(x), len(y)) >= 10 {
		most = 2
	}
	d := distance(x, y)
	return d > 0 && d <= most || d == 0 && a != b
}

// distance is the optimal string alignment distance: insertions, deletions,
// substitutions and swaps of neighbours count one each.
func distance(a, b []rune) int {
	before, last, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			row[j] = min(row[j-1]+1, last[j]+1, last[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, last, row = last, row, before
	}
	return last[len(b)]
}
