// Package frrk8s stands in for the backend that hands routes to the frr-k8s daemon: what it needs of that daemon's
// module cannot be had. MetalLB's other backends, layer 2 and native BGP, are not touched.
package frrk8s

import (
	"errors"

	"github.com/go-kit/log"
	frrv1beta1 "github.com/metallb/frr-k8s/api/v1beta1"

	"go.universe.tf/metallb/internal/bgp"
	"go.universe.tf/metallb/internal/config"
	"go.universe.tf/metallb/internal/logging"
)

var errAbsent = errors.New("this build of MetalLB has no frr-k8s backend; use layer 2 or METALLB_BGP_TYPE=native")

type absent struct{}

// NewSessionManager returns a manager that refuses every session.
func NewSessionManager(log.Logger, logging.Level, string, string) bgp.SessionManager { return absent{} }

// ConfigName names the configuration of a node.
func ConfigName(node string) string { return "metallb-" + node }

// ConfigToDump says that there is nothing to show.
func ConfigToDump(frrv1beta1.FRRConfiguration) (string, error) { return "", errAbsent }

func (absent) NewSession(log.Logger, bgp.SessionParameters) (bgp.Session, error) { return nil, errAbsent }
func (absent) SyncBFDProfiles(map[string]*config.BFDProfile) error               { return errAbsent }
func (absent) SyncExtraInfo(string) error                                        { return errAbsent }
func (absent) SetEventCallback(func(interface{}))                                {}
