// Package common stands in for a module that cannot be had; the backend that uses it is left out of the build.
package common
