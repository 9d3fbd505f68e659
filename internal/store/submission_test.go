package store

import (
	"reflect"
	"testing"

	"gatepost/internal/allowance"
	"gatepost/internal/store/storetest"
)

func TestSubmissionContract(t *testing.T) {
	onEngines(t, func(t *testing.T, open func(*testing.T) *DB) {
		storetest.Submission(t, func(t *testing.T) allowance.Rows { return open(t).Submission() })
	})
}

// Who asked for most comes first, all nodes and hours added up.
func TestSubmissionTotals(t *testing.T) {
	onEngines(t, func(t *testing.T, open func(*testing.T) *DB) {
		rows := open(t).Submission()
		for node, counts := range map[string][]allowance.Count{
			"a": {{Box: 1, Hour: 100, Messages: 3, Networks: 2}, {Box: 1, Hour: 101, Messages: 4, Wrong: 1, Networks: 5}, {Box: 2, Hour: 99, Messages: 100}},
			"b": {{Box: 1, Hour: 101, Messages: 1, Fresh: 9}, {Box: 2, Hour: 101, Messages: 1, Refused: 20}},
		} {
			if err := rows.Save(t.Context(), node, counts); err != nil {
				t.Fatal(err)
			}
		}
		first, second := allowance.Count{Box: 2, Messages: 1, Refused: 20}, allowance.Count{Box: 1, Messages: 8, Fresh: 9, Wrong: 1, Networks: 5}
		for box, want := range map[int64][]allowance.Count{0: {first, second}, 1: {second}, 3: nil} {
			got, err := rows.Totals(t.Context(), box, 100, 10)
			if err != nil || !reflect.DeepEqual(got, want) {
				t.Errorf("box %d: got %+v, %v; want %+v", box, got, err, want)
			}
		}
	})
}
