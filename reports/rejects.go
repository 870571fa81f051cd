package reports

// RejectsFile names the rows of the ledger that are no payments. It is there
// only where a run has set rows aside.
const RejectsFile = "rejects.csv"

var rejectColumns = []string{"payment_id", "field", "value", "reason"}

// Reject is a row of the ledger that was set aside. Its JSON fields are stable.
type Reject struct {
	PaymentID string `json:"payment_id"` // empty: the row has none
	Field     string `json:"field"`
	Value     string `json:"value"` // hidden where it may name a person
	Reason    string `json:"reason"`
}

// WriteRejects writes rejects.csv into dir.
func WriteRejects(dir string, rejects []Reject) (File, error) {
	c, err := createCSV(dir, RejectsFile, rejectColumns)
	if err != nil {
		return File{}, err
	}
	for _, r := range rejects {
		if err = c.write([]string{SafeText(r.PaymentID), SafeText(r.Field), SafeText(r.Value), SafeText(r.Reason)}); err != nil {
			break
		}
	}
	return c.finish(err)
}
