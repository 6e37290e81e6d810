// Counter-based random numbers: Philox4x32-10 (Salmon, Moraes, Dror & Shaw, SC 2011).
//
// Four words come from a counter (item block, step, epoch, purpose) and a key (the seed), with no state
// between: any draw can be made again alone, on any host. The Python side has the same function in
// tongtou/randomness.py, which is this one's oracle.
#pragma once

#include <stdint.h>

namespace tongtou {

enum Purpose : uint32_t { kInitialWeights = 1, kShuffle = 2, kSplit = 3, kDropout = 4, kAugmentation = 5, kNoise = 6 };

struct Words {
  uint32_t w[4];
};

inline Words philox4x32(Words counter, uint32_t key0, uint32_t key1) {
  for (int round = 0; round < 10; ++round) {
    const uint64_t product0 = (uint64_t)0xD2511F53u * counter.w[0];
    const uint64_t product1 = (uint64_t)0xCD9E8D57u * counter.w[2];
    counter = {{(uint32_t)(product1 >> 32) ^ counter.w[1] ^ key0, (uint32_t)product1,
                (uint32_t)(product0 >> 32) ^ counter.w[3] ^ key1, (uint32_t)product0}};
    key0 += 0x9E3779B9u;
    key1 += 0xBB67AE85u;
  }
  return counter;
}

inline Words draw(uint64_t seed, uint32_t purpose, uint32_t epoch, uint32_t step, uint32_t block) {
  return philox4x32({{block, step, epoch, purpose}}, (uint32_t)seed, (uint32_t)(seed >> 32));
}

// Fisher-Yates with word i of the stream for position i: j = word * (i + 1) >> 32, whose bias is below n / 2^32.
inline void shuffle(uint32_t* order, uint64_t n, uint64_t seed, uint32_t purpose, uint32_t epoch) {
  Words words{};
  for (uint64_t i = n - 1; i > 0 && i < n; --i) {
    if (i == n - 1 || i % 4 == 3) words = draw(seed, purpose, epoch, 0, (uint32_t)(i / 4));
    const uint64_t j = (uint64_t)words.w[i % 4] * (i + 1) >> 32;
    const uint32_t kept = order[i];
    order[i] = order[j];
    order[j] = kept;
  }
}

}  // namespace tongtou
