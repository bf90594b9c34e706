package expr

import (
	"encoding/binary"
	"errors"

	"github.com/google/nftables/xt"
	"golang.org/x/sys/unix"
)

// QueueFlag says what becomes of packets that no program takes.
type QueueFlag uint16

// QueueFlagBypass lets them pass.
const QueueFlagBypass QueueFlag = unix.NFT_QUEUE_FLAG_BYPASS

// Queue hands packets to a program, by the target NFQUEUE of x_tables: every kernel that iptables queues on has it, by way
// of nft_compat, and some have no expression of nftables for it (CONFIG_NFT_QUEUE).
type Queue struct {
	Num   uint16
	Total uint16
	Flag  QueueFlag
}

// target is of the third revision: struct xt_NFQ_info_v3 of linux/netfilter/xt_NFQUEUE.h, filled up to 8 bytes.
func (queue *Queue) target() *Target {
	info := make(xt.Unknown, 8)
	for place, word := range []uint16{queue.Num, max(queue.Total, 1), uint16(queue.Flag)} {
		binary.NativeEndian.PutUint16(info[2*place:], word)
	}
	return &Target{Name: "NFQUEUE", Rev: 3, Info: &info}
}

func (queue *Queue) marshal(family byte) ([]byte, error) { return queue.target().marshal(family) }

func (queue *Queue) marshalData(family byte) ([]byte, error) {
	return queue.target().marshalData(family)
}

func (queue *Queue) unmarshal(byte, []byte) error {
	return errors.New("rules with a queue of nftables are laid by nobody here, and not read")
}
