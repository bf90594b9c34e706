// Reads files of alert rules with Prometheus' own reader, as `promtool check rules` does, and says what is wrong.
package main

import (
	"fmt"
	"log/slog"
	"os"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/rulefmt"
	"github.com/prometheus/prometheus/promql/parser"
)

func main() {
	status := 0
	for _, file := range os.Args[1:] {
		_, problems := rulefmt.ParseFile(file, false, model.UTF8Validation, parser.NewParser(parser.Options{}), slog.Default())
		for _, problem := range problems {
			fmt.Fprintln(os.Stderr, problem)
			status = 1
		}
	}
	os.Exit(status)
}
