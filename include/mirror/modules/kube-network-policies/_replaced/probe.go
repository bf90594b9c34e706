package main

import (
	"fmt"
	"os"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"
)

// Before anything else: a program that lays no rules would run on, and nothing would be kept from any pod.
func init() {
	if refused := layQueue(); refused != nil {
		fmt.Fprintf(os.Stderr, "the kernel queues no packets by xt_NFQUEUE: %v\n", refused)
		os.Exit(1)
	}
}

// layQueue has the kernel take a rule that queues, and forget it at once: nothing goes through a chain without a hook.
func layQueue() error {
	connection, err := nftables.New()
	if err != nil {
		return err
	}
	table := connection.AddTable(&nftables.Table{Name: "kube-network-policies-probe", Family: nftables.TableFamilyINet})
	chain := connection.AddChain(&nftables.Chain{Name: "probe", Table: table})
	connection.AddRule(&nftables.Rule{Table: table, Chain: chain, Exprs: []expr.Any{&expr.Queue{}}})
	connection.DelTable(table)
	return connection.Flush()
}
