package tfs

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"reflect"
	"testing"
)

// TestRecorded reads answers that others have read before, and prints what it finds in them.
func TestRecorded(t *testing.T) {
	path := os.Getenv("TFSCLIENT_RECORDED")
	if path == "" {
		t.Skip("TFSCLIENT_RECORDED names no file")
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var cases []struct {
		REST, GRPC []byte
		Kind       string
		Outputs    []struct {
			Name  string
			Dtype DType
			Shape []int
		}
	}
	if err := json.Unmarshal(text, &cases); err != nil {
		t.Fatal(err)
	}
	for _, c := range cases {
		found := make([]printed, len(c.Outputs))
		outputs := make([]fetch, len(c.Outputs))
		for i, o := range c.Outputs {
			outputs[i] = fetch{TensorSpec{Name: o.Name, DType: o.Dtype, Shape: o.Shape}, &found[i]}
		}
		switch {
		case c.Kind == "classify" && c.GRPC != nil:
			found, err = printedResults(readResults(c.GRPC, readClasses))
		case c.Kind == "classify":
			found, err = printedResults(readResultList(string(c.REST), jsonClasses))
		case c.Kind == "regress" && c.GRPC != nil:
			found, err = printedResults(readResults(c.GRPC, readRegression))
		case c.Kind == "regress":
			found, err = printedResults(readResultList(string(c.REST), jsonFloats[float32](32)))
		case c.GRPC != nil:
			err = readPredictResponse(c.GRPC, outputs)
		default:
			err = readPredictAnswer(string(c.REST), outputs)
		}
		if err != nil {
			t.Error(err)
		}
		line, err := json.Marshal(found)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Printf("found %s\n", line)
	}
}

// printed is a tensor of any type, as text.
type printed struct {
	Output `json:"-"`
	Shape  []int
	Values []string
}

func (p *printed) set(data any, shape []int) error {
	p.Shape, p.Values = shape, []string{}
	values := reflect.ValueOf(data)
	for i := range values.Len() {
		switch v := values.Index(i).Interface().(type) {
		case string:
			p.Values = append(p.Values, base64.StdEncoding.EncodeToString([]byte(v)))
		case Float16:
			p.Values = append(p.Values, fmt.Sprint(v.Float32()))
		case BFloat16:
			p.Values = append(p.Values, fmt.Sprint(v.Float32()))
		default:
			p.Values = append(p.Values, fmt.Sprint(v))
		}
	}
	return nil
}

// printedResults shows what each example got: labels and scores, or one value.
func printedResults[R any](results []R, err error) ([]printed, error) {
	all := make([]printed, len(results))
	for i, result := range results {
		p := printed{Values: []string{}}
		switch result := any(result).(type) {
		case []Class:
			for _, class := range result {
				label := base64.StdEncoding.EncodeToString([]byte(class.Label))
				p.Values = append(p.Values, label, fmt.Sprint(class.Score))
			}
		case float32:
			p.Values = append(p.Values, fmt.Sprint(result))
		}
		p.Shape = []int{len(p.Values)}
		all[i] = p
	}
	return all, err
}
