package import Foundation

#if canImport(CryptoKit)
  import CryptoKit
#else
  import CLibCrypto
#endif

/// SHA-256 of bytes that come in portions: the system's, CryptoKit on macOS and libcrypto elsewhere.
package struct SHA256: ~Copyable {
  #if canImport(CryptoKit)
    private var state = CryptoKit.SHA256()
  #else
    /// Begun once: asking libcrypto for an algorithm takes longer than the digest of a few bytes.
    private nonisolated(unsafe) static let begun: OpaquePointer = {
      // A file may still be read on another thread when the process ends with an error: libcrypto must not take down then
      // what that thread stands on.
      OPENSSL_init_crypto(UInt64(OPENSSL_INIT_NO_ATEXIT), nil)
      guard let state = EVP_MD_CTX_new(), EVP_DigestInit_ex(state, EVP_sha256(), nil) == 1 else {
        fatalError("libcrypto has no SHA-256")
      }
      return state
    }()

    private let state: OpaquePointer
  #endif

  package init() {
    #if !canImport(CryptoKit)
      guard let state = EVP_MD_CTX_new(), EVP_MD_CTX_copy_ex(state, Self.begun) == 1 else {
        fatalError("no memory for a digest")
      }
      self.state = state
    #endif
  }

  #if !canImport(CryptoKit)
    deinit { EVP_MD_CTX_free(state) }
  #endif

  package mutating func update(bufferPointer bytes: UnsafeRawBufferPointer) {
    #if canImport(CryptoKit)
      state.update(bufferPointer: bytes)
    #else
      guard let start = bytes.baseAddress else { return }
      precondition(EVP_DigestUpdate(state, start, bytes.count) == 1, "libcrypto failed on a digest")
    #endif
  }

  package mutating func update(data: some DataProtocol) {
    for region in data.regions { region.withUnsafeBytes { update(bufferPointer: $0) } }
  }

  /// The digest of all that came; the last that may be asked of it.
  package mutating func finalize() -> Digest {
    var words = SIMD4<UInt64>()
    #if canImport(CryptoKit)
      words = state.finalize().withUnsafeBytes { $0.loadUnaligned(as: SIMD4<UInt64>.self) }
    #else
      withUnsafeMutableBytes(of: &words) { bytes in
        let start = bytes.bindMemory(to: UInt8.self).baseAddress
        precondition(EVP_DigestFinal_ex(state, start, nil) == 1, "libcrypto failed on a digest")
      }
    #endif
    return Digest(words: words)
  }

  package static func hash(data: some DataProtocol) -> Digest {
    var hash = SHA256()
    hash.update(data: data)
    return hash.finalize()
  }

  /// 32 bytes.
  package struct Digest: Sendable {
    /// The bytes in their order, eight in a word as they lie in memory.
    package let words: SIMD4<UInt64>

    package func withUnsafeBytes<Result>(_ body: (UnsafeRawBufferPointer) throws -> Result) rethrows -> Result {
      try Swift.withUnsafeBytes(of: words, body)
    }

    package var bytes: [UInt8] { withUnsafeBytes(Array.init) }
  }
}
