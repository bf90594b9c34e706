// Package v20170312 stands in for a module that cannot be had.
package v20170312
