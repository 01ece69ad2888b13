// Package netns holds the test of the live system on two machines.
package netns
