// Package main reads files of generated Go, a JSON object a line, by the language's own parser, and
// prints what each says of signatures.
package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"os"
	"strconv"
)

type file struct{ Client, Path, Text string }

type signature struct {
	Client   string   `json:"client"`
	Name     string   `json:"name"`
	Inputs   []string `json:"inputs"`
	Outputs  []string `json:"outputs"`
	Features []string `json:"features"`
}

func main() {
	in := json.NewDecoder(bufio.NewReader(os.Stdin))
	out := json.NewEncoder(os.Stdout)
	for {
		var f file
		if err := in.Decode(&f); errors.Is(err, io.EOF) {
			return
		} else if err != nil {
			panic(err)
		}
		tree, err := parser.ParseFile(token.NewFileSet(), f.Path, f.Text, parser.AllErrors)
		if err != nil {
			panic(f.Client + ": " + err.Error())
		}
		ast.Inspect(tree, func(node ast.Node) bool {
			literal, ok := node.(*ast.CompositeLit)
			if !ok {
				return true
			}
			if name, ok := literal.Type.(*ast.SelectorExpr); !ok || name.Sel.Name != "Signature" {
				return true
			}
			s := signature{Client: f.Client, Inputs: []string{}, Outputs: []string{}, Features: []string{}}
			fields := members(literal)
			s.Name = text(fields["Name"])
			for key, names := range map[string]*[]string{
				"Inputs": &s.Inputs, "Outputs": &s.Outputs, "Features": &s.Features,
			} {
				if list, ok := fields[key].(*ast.CompositeLit); ok {
					for _, item := range list.Elts {
						*names = append(*names, text(members(item.(*ast.CompositeLit))["Name"]))
					}
				}
			}
			if err := out.Encode(s); err != nil {
				panic(err)
			}
			return false
		})
	}
}

func members(literal *ast.CompositeLit) map[string]ast.Expr {
	found := make(map[string]ast.Expr)
	for _, item := range literal.Elts {
		if pair, ok := item.(*ast.KeyValueExpr); ok {
			found[pair.Key.(*ast.Ident).Name] = pair.Value
		}
	}
	return found
}

func text(node ast.Expr) string {
	value, err := strconv.Unquote(node.(*ast.BasicLit).Value)
	if err != nil {
		panic(err)
	}
	return value
}
