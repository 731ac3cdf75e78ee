import Foundation
import Synchronization

/// So many requests a second from each address: a bucket of tokens that is filled at that rate and holds a second's.
final class RateLimit: Sendable {
  /// Addresses that are remembered; of more, those that were quiet longest are forgotten.
  static let mostAddresses = 10_000

  private struct Bucket {
    var tokens: Double
    var seen: Double
  }

  let rate: Double
  private let buckets = Mutex<[String: Bucket]>([:])

  init(_ rate: Double) { self.rate = rate }

  /// Takes a token; nil where there was one, else how many seconds it takes until there is.
  ///
  /// - Parameter now: seconds of any clock that does not go back.
  func wait(_ address: String, now: Double) -> Double? {
    let most = max(rate, 1)
    return buckets.withLock { buckets in
      var bucket = buckets[address] ?? Bucket(tokens: most, seen: now)
      bucket.tokens = min(most, bucket.tokens + (now - bucket.seen) * rate)
      bucket.seen = now
      defer {
        buckets[address] = bucket
        if buckets.count > Self.mostAddresses {
          let seen = buckets.values.map(\.seen).sorted()[buckets.count / 2]
          buckets = buckets.filter { $0.value.seen > seen }
        }
      }
      guard bucket.tokens >= 1 else { return (1 - bucket.tokens) / rate }
      bucket.tokens -= 1
      return nil
    }
  }

  var addresses: Int { buckets.withLock { $0.count } }
}
