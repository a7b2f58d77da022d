package tfs

import (
	"bytes"
	"encoding/json"
	"errors"
	"math"
	"os"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"
)

var parsed = []FeatureSpec{
	{Name: "age", DType: "int64", Shape: []int{}, Required: true},
	{Name: "rows", DType: "float32", Shape: []int{-1, 2}},
	{Name: "pair", DType: "string", Shape: []int{2}, Required: true},
	{Name: "free", DType: "string"},
}

func TestExamplesThatDoNotFitAreRefused(t *testing.T) {
	pair := Strings("a", "b")
	whole := Example{"age": Ints(3), "pair": pair}
	for want, b := range map[string]batch{
		"no examples":                                 {},
		`example 1: feature "pair" is missing`:        {examples: []Example{whole, {"age": Ints(3)}}},
		`no feature "x"`:                              {examples: []Example{{"age": Ints(3), "pair": pair, "x": pair}}},
		`feature "age": it holds float32, but`:        {examples: []Example{{"age": Floats(3), "pair": pair}}},
		`feature "age": 2 values do not fit shape []`: {examples: []Example{{"age": Ints(3, 4), "pair": pair}}},
		`feature "pair": 0 values`:                    {examples: []Example{{"age": Ints(3), "pair": Strings()}}},
		`feature "rows": 3 values`:                    {examples: []Example{{"age": Ints(3), "pair": pair, "rows": Floats(1, 2, 3)}}},
		`feature "pair" has no values`:                {examples: []Example{{"age": Ints(3), "pair": Feature{}}}},
		"not UTF-8":                                   {examples: []Example{{"\xff": pair}}},
		`the context: the signature has`:              {examples: []Example{whole}, shared: Example{"x": pair}},
		`the context: feature "age" would have no`:    {examples: []Example{whole}, shared: Example{"age": Ints(3)}},
	} {
		if err := b.check(parsed); !errors.Is(err, ErrNotSent) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", want, err)
		}
	}
	for _, b := range []batch{
		{examples: []Example{whole}},
		{examples: []Example{{"age": Ints(3), "rows": Floats(), "free": Strings()}}, shared: Example{"pair": pair}},
		{examples: []Example{{"age": Ints(3), "pair": pair, "rows": Floats(1, 2, 3, 4), "free": pair}}},
	} {
		if err := b.check(parsed); err != nil {
			t.Error(err)
		}
	}
	if err := (batch{examples: []Example{{"any": Floats()}}}).check(nil); err != nil {
		t.Error(err)
	}
}

// TestExamplesAsWritten compares with what others have written before.
func TestExamplesAsWritten(t *testing.T) {
	path := os.Getenv("TFSCLIENT_EXAMPLES")
	if path == "" {
		t.Skip("TFSCLIENT_EXAMPLES names no file")
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var want struct {
		Proto []byte
		JSON  string
	}
	if err := json.Unmarshal(text, &want); err != nil {
		t.Fatal(err)
	}
	nan, inf := float32(math.NaN()), float32(math.Inf(1))
	example := Example{
		"floats":  Floats(1, -0.5, nan, inf, -inf, 16777216),
		"ints":    Ints(math.MinInt64, -1, 0, math.MaxInt64),
		"strings": Strings("", "é\"\\\n\u2028", "\xff\x00"),
		"none":    Floats(),
		"中":       Ints(1),
	}
	got, err := example.MarshalBinary()
	if err != nil || !bytes.Equal(got, want.Proto) {
		t.Errorf("%q, not %q: %v", got, want.Proto, err)
	}
	// Both are JSON, but for these words.
	plain := strings.NewReplacer("NaN", "1e300", "-Infinity", "-1e301", "Infinity", "1e301")
	var a, b any
	if err := errors.Join(
		json.Unmarshal([]byte(plain.Replace(string(example.appendJSON(nil)))), &a),
		json.Unmarshal([]byte(plain.Replace(want.JSON)), &b),
	); err != nil {
		t.Fatal(err)
	}
	again, _ := json.Marshal(a)
	expected, _ := json.Marshal(b)
	if !bytes.Equal(again, expected) {
		t.Errorf("%s, not %s", again, expected)
	}
	if text := string(Example{"x": Floats(1, 2)}.appendJSON(nil)); text != `{"x":[1.0,2.0]}` {
		t.Error(text)
	}
}

func TestBadResultsAreErrors(t *testing.T) {
	for _, answer := range []string{
		``, `[]`, `{"results"`, `{"results": {}}`, `{"results": [1.0]`, `{"results": [["a"]]}`, `{"results": [[["a"]]]}`,
		`{"results": [[[1, 2]]]}`, `{"results": [[["a", 1, 2]]]}`, `{"results": [[["a", "b"]]]}`, `{"results": [[]]} x`,
		`{"results": ` + strings.Repeat("[", 1<<20),
	} {
		if _, err := readResultList(answer, jsonClasses); !errors.Is(err, ErrBadAnswer) {
			t.Errorf("%.40s: %v", answer, err)
		}
	}
	class := appendChunk(nil, classLabel, []byte("\xff"))
	class = protowire.AppendFixed32(protowire.AppendTag(class, classScore, protowire.Fixed32Type), math.Float32bits(1.5))
	element := appendChunk(nil, resultEach, class)
	whole := appendChunk(nil, responseResult, appendChunk(nil, resultEach, element))
	classes, err := readResults(whole, readClasses)
	if err != nil || len(classes) != 1 || len(classes[0]) != 1 || classes[0][0] != (Class{"\xff", 1.5}) {
		t.Error(classes, err)
	}
	for cut := 1; cut < len(whole); cut++ {
		if _, err := readResults(whole[:cut], readClasses); !errors.Is(err, ErrBadAnswer) {
			t.Errorf("%d bytes: %v", cut, err)
		}
	}
	url, _ := serveREST(t, 200, `{"results": [1.0, 2.0]}`)
	s, err := OpenModel(url, "m", nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Regress(t.Context(), &Signature{Name: "sig"}, []Example{{"x": Floats(1)}}, nil); !errors.Is(err, ErrBadAnswer) {
		t.Error(err)
	}
}

func FuzzMetadata(f *testing.F) {
	f.Add([]byte("\x12\x1c\x0a\x0dsignature_def\x12\x0b\x12\x09\x0a\x07\x0a\x01s\x12\x02\x0a\x00"), `{"metadata": {}}`)
	f.Fuzz(func(_ *testing.T, message []byte, answer string) {
		_, _ = readMetadataResponse(message)
		_, _ = readMetadataAnswer(answer)
		_, _ = readStatusResponse(message)
		_, _ = readStatusAnswer(answer)
		_, _ = readInferences(message, new(int64))
	})
}
