// Package resource measures what a node has and how busy it is: cores, memory, its GPU, and
// the processes that its services run in. It is what core.Sampled is made of where
// nothing is emulated.
//
//   - sampler.go: Sampler, which takes a Sample once a second
//   - proc.go: the machine and processes, by /proc
//   - cgroup.go: what of the machine a container may use, by cgroups v2 and v1
//   - gpu.go: GPUs, by what nvidia-smi or tegrastats prints
//
// On Linux only: elsewhere Sample.Measured is false and the cores are those that Go
// counts. A figure that cannot be read is 0, not an error: a node without a GPU
// or with half a /proc works all the same.
package resource
