package world

import (
	"math"
	"math/bits"
	"math/rand/v2"
)

// Key names a draw, or a family of draws. Keys are derived from a seed step by step:
//
//	Root(seed, replication).Name("work").With(query).With(stage).With(frame)
//
// The same path gives the same key, hence the same draw, whenever and however
// often it is asked for; different paths give independent ones. So a new consumer
// of randomness shifts nobody else's, and two schedulers that treat the same frame
// at different times meet the same world (common random numbers).
//
// A key is 64 bits: among 1e8 draws of one run two share a key by accident with a
// probability of 3e-4, and then merely are equal.
type Key uint64

// Root returns the key of one replication of an experiment.
func Root(seed uint64, replication int) Key {
	return Key(mix(seed)).With(uint64(replication))
}

// With returns the key of part x of k's family.
func (k Key) With(x uint64) Key { return Key(mix(uint64(k) + bits.RotateLeft64(mix(x+golden), 23))) }

// Name returns the key of the part of k's family that s names.
func (k Key) Name(s string) Key {
	h := uint64(14695981039346656037) // FNV-1a
	for i := range len(s) {
		h = (h ^ uint64(s[i])) * 1099511628211
	}
	return k.With(h)
}

// Uint64 returns the key's draw: 64 uniform bits.
func (k Key) Uint64() uint64 { return mix(uint64(k) ^ golden) }

// Uniform returns the key's draw from [0, 1).
func (k Key) Uniform() float64 { return float64(k.Uint64()>>11) * 0x1p-53 }

// Normal returns the key's draw from the standard normal distribution.
func (k Key) Normal() float64 { return normal(uint64(k)) }

// Exp returns the key's draw from the exponential distribution of mean 1.
func (k Key) Exp() float64 { return -math.Log(1 - k.Uniform()) }

// Stream returns a sequence of draws: PCG, seeded by the key.
func (k Key) Stream() Stream {
	var s Stream
	s.pcg.Seed(uint64(k), mix(uint64(k)+golden))
	return s
}

// Stream is a sequence of draws, for what happens one after the other (arrivals, say)
// and need not be found again by name. It is a value: copying it forks it.
type Stream struct{ pcg rand.PCG }

// Uint64 returns 64 uniform bits. It makes *Stream a rand.Source.
func (s *Stream) Uint64() uint64 { return s.pcg.Uint64() }

// Uniform returns a number from [0, 1).
func (s *Stream) Uniform() float64 { return float64(s.Uint64()>>11) * 0x1p-53 }

// Normal returns a standard normal number.
func (s *Stream) Normal() float64 { return normal(s.Uint64()) }

// Exp returns an exponential number of mean 1.
func (s *Stream) Exp() float64 { return -math.Log(1 - s.Uniform()) }

const golden = 0x9e3779b97f4a7c15 // 2^64 divided by the golden ratio

// mix is a bijection of 64 bits that looks random: the finaliser of splitmix64
// (Steele, Lea, Flood: Fast splittable pseudorandom number generators, 2014), with
// Stafford's constants of variant 13.
func mix(x uint64) uint64 {
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}
