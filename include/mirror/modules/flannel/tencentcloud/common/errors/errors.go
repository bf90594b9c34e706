// Package errors stands in for a module that cannot be had.
package errors
