//go:build ignore

// The hold model on std::priority_queue, for comparison with the simulation
// kernel: so many events are pending, each step takes the earliest and adds one.
// Events have the same fields, order and delays as those of BenchmarkKernelTimers.
//
//   reference PENDING EVENTS    prints the time per event in ns
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <queue>
#include <vector>

struct Event {
  int64_t at;
  uint64_t key;
  uint32_t seq, ref;
};

struct Later {
  bool operator()(const Event &a, const Event &b) const {
    if (a.at != b.at) return a.at > b.at;
    if (a.key != b.key) return a.key > b.key;
    return a.seq > b.seq;
  }
};

int main(int argc, char **argv) {
  if (argc != 3) return 2;
  const int pending = std::atoi(argv[1]);
  const long events = std::atol(argv[2]);
  std::priority_queue<Event, std::vector<Event>, Later> queue;
  uint32_t seq = 0;
  for (int i = 0; i < pending; i++)
    queue.push({int64_t(i) * 7919 % pending, uint64_t(i), seq++, uint32_t(i)});

  const auto start = std::chrono::steady_clock::now();
  for (uint64_t n = 1; n <= uint64_t(events); n++) {
    Event e = queue.top();
    queue.pop();
    e.at += 1 + int64_t(n * 0x9e3779b97f4a7c15u >> 44);
    e.seq = seq++;
    queue.push(e);
  }
  const std::chrono::duration<double, std::nano> took = std::chrono::steady_clock::now() - start;
  if (queue.size() != size_t(pending) || queue.top().at <= 0) return 1;
  std::printf("%.2f\n", took.count() / events);
}
