package main

import (
	"math/bits"
	"sync/atomic"
	"time"
)

// histogram counts durations in buckets 1/32 apart (3 %), from 1 ns to hours, without a lock.
type histogram struct {
	buckets [64 * subBuckets]atomic.Uint32
	count   atomic.Int64
	max     atomic.Int64
}

const (
	subBits    = 5
	subBuckets = 1 << subBits
)

func bucketOf(d int64) int {
	if d < subBuckets {
		return int(max(d, 0))
	}
	shift := bits.Len64(uint64(d)) - subBits - 1
	return (shift+1)*subBuckets + int(d>>uint(shift))&(subBuckets-1)
}

// middleOf is the middle of a bucket, in nanoseconds.
func middleOf(bucket int) float64 {
	if bucket < 2*subBuckets {
		return float64(bucket)
	}
	shift := uint(bucket/subBuckets - 1)
	low := int64(subBuckets+bucket%subBuckets) << shift
	return float64(low) + float64(int64(1)<<shift)/2
}

func (h *histogram) add(d time.Duration) {
	h.buckets[bucketOf(int64(d))].Add(1)
	h.count.Add(1)
	for {
		seen := h.max.Load()
		if int64(d) <= seen || h.max.CompareAndSwap(seen, int64(d)) {
			return
		}
	}
}

// quantiles is what a result says of one histogram, in milliseconds.
type quantiles struct {
	Count int64   `json:"count"`
	P50   float64 `json:"p50"`
	P90   float64 `json:"p90"`
	P99   float64 `json:"p99"`
	Max   float64 `json:"max"`
}

func (h *histogram) quantiles() quantiles {
	q := quantiles{Count: h.count.Load(), Max: float64(h.max.Load()) / 1e6}
	q.P50, q.P90, q.P99 = h.at(0.5), h.at(0.9), h.at(0.99)
	return q
}

func (h *histogram) at(share float64) float64 {
	left := int64(share*float64(h.count.Load()-1)) + 1
	for i := range h.buckets {
		if left -= int64(h.buckets[i].Load()); left <= 0 {
			return min(middleOf(i), float64(h.max.Load())) / 1e6
		}
	}
	return 0
}
