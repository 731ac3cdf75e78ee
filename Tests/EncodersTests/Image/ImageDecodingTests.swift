import Encoders
import Foundation
import Multimodal
import Records
import Testing

@Suite struct ImageDecodingTests {
  private let picture = PictureFiles.gradient(width: 37, height: 23)

  private func difference(_ a: RGBImage, _ b: RGBImage) -> Int {
    guard a.width == b.width, a.height == b.height else { return 255 }
    return zip(a.pixels, b.pixels).reduce(0) { max($0, abs(Int($1.0) - Int($1.1))) }
  }

  @Test("PNG and lossless WebP come back as they were, JPEG and lossy WebP nearly so")
  func roundTrips() throws {
    #expect(try RGBImage(decoding: picture.png()) == picture)
    let webp = PictureFiles.webp(picture.pixels, width: 37, height: 23, channels: 3)
    #expect(try RGBImage(decoding: webp) == picture)
    #expect(try difference(RGBImage(decoding: picture.jpeg(quality: 100)), picture) < 40)
    let lossy = PictureFiles.webp(picture.pixels, width: 37, height: 23, channels: 3, quality: 95)
    #expect(try difference(RGBImage(decoding: lossy), picture) < 60)
  }

  @Test("transparent pixels are laid on white", arguments: ["png", "webp"])
  func transparency(format: String) throws {
    let pixels: [UInt8] = [200, 100, 50, 255, 200, 100, 50, 0, 200, 100, 50, 128]
    let data =
      format == "png"
      ? PictureFiles.png(pixels, width: 3, height: 1, channels: 4)
      : PictureFiles.webp(pixels, width: 3, height: 1, channels: 4)
    let decoded = try RGBImage(decoding: data).pixels
    #expect(decoded[0..<6] == [200, 100, 50, 255, 255, 255])
    for (found, expected) in zip(decoded[6...], [227, 177, 152]) { #expect(abs(Int(found) - expected) <= 1) }
  }

  @Test("gray pictures have three equal channels")
  func gray() throws {
    let levels: [UInt8] = [0, 80, 160, 255]
    let png = try RGBImage(decoding: PictureFiles.png(levels, width: 2, height: 2, channels: 1))
    #expect(png.pixels == levels.flatMap { [$0, $0, $0] })
    let flat = [UInt8](repeating: 77, count: 256)
    let jpeg = try RGBImage(decoding: PictureFiles.jpeg(flat, width: 16, height: 16, channels: 1))
    #expect(jpeg.pixels.allSatisfy { abs(Int($0) - 77) <= 1 })
  }

  @Test("16 bits a channel become 8")
  func deep() throws {
    let samples: [UInt16] = [0, 0x8080, 0xFFFF]
    let data = PictureFiles.png(samples, width: 1, height: 1, channels: 3)
    #expect(try RGBImage(decoding: data).pixels == [0, 0x80, 0xFF])
  }

  @Test("palettes are looked up, with their transparency, at 2 bits a pixel")
  func palette() throws {
    let data = PictureFiles.png(
      width: 4, height: 1, depth: 2, colour: 3,
      chunks: [("PLTE", [255, 0, 0, 0, 255, 0, 0, 0, 255]), ("tRNS", [255, 0])], lines: [[0, 0b00_01_10_00]])
    #expect(try RGBImage(decoding: data).pixels == [255, 0, 0, 255, 255, 255, 0, 0, 255, 255, 0, 0])
  }

  @Test("a colour declared transparent becomes white")
  func transparentColour() throws {
    let data = PictureFiles.png(
      width: 2, height: 1, depth: 8, colour: 2, chunks: [("tRNS", [0, 10, 0, 20, 0, 30])],
      lines: [[0, 10, 20, 30, 10, 20, 31]])
    #expect(try RGBImage(decoding: data).pixels == [255, 255, 255, 10, 20, 31])
  }

  @Test("interlaced PNG is put together")
  func interlaced() throws {
    // Of a 2 x 2 picture: pass 1 has the first pixel, pass 6 the second, pass 7 the second line.
    let data = PictureFiles.png(
      width: 2, height: 2, depth: 8, colour: 0, interlaced: true, lines: [[0, 1], [0, 2], [0, 3, 4]])
    #expect(try RGBImage(decoding: data).pixels == [1, 1, 1, 2, 2, 2, 3, 3, 3, 4, 4, 4])
  }

  @Test("CMYK as Adobe writes it, inverted, becomes RGB")
  func cmyk() throws {
    // 255 is no ink: no black, some yellow, much magenta, no cyan.
    let pixels = (0..<256).flatMap { _ in [255, 60, 200, 255] as [UInt8] }
    let decoded = try RGBImage(decoding: PictureFiles.jpeg(pixels, width: 16, height: 16, channels: 4))
    for (found, expected) in zip(decoded.pixels, [255, 60, 200]) { #expect(abs(Int(found) - expected) <= 3) }
  }

  @Test("progressive JPEG is read to its last scan")
  func progressive() throws {
    let plain = PictureFiles.jpeg(picture.pixels, width: 37, height: 23, channels: 3)
    let scans = PictureFiles.jpeg(picture.pixels, width: 37, height: 23, channels: 3, progressive: true)
    #expect(plain != scans)
    #expect(try RGBImage(decoding: plain) == RGBImage(decoding: scans))
  }

  @Test("progressive JPEG of hundreds of scans is refused: each costs a pass over the whole picture")
  func tooManyScans() throws {
    let whole = [UInt8](PictureFiles.jpeg(picture.pixels, width: 37, height: 23, channels: 3, progressive: true))
    // The first scan, of the coarse values; said to be of all their bits it may follow the last, and follow itself.
    let start = try #require(whole.indices.first { whole[$0] == 0xFF && whole[$0 + 1] == 0xDA })
    let data = start + 2 + Int(whole[start + 3])
    let end = try #require((data..<whole.count - 1).first { whole[$0] == 0xFF && whole[$0 + 1] != 0 })
    let scan = whole[start..<data - 1] + [0] + whole[data..<end]
    func repeated(_ count: Int) -> Data {
      Data(whole.dropLast(2) + repeatElement(scan, count: count).joined() + whole.suffix(2))
    }
    #expect(try RGBImage(decoding: repeated(100)).width == 37)
    #expect(throws: ImageError.damaged(format: "JPEG", detail: "more than 200 scans")) {
      try RGBImage(decoding: repeated(300))
    }
  }

  @Test("the orientation that a camera noted is applied", arguments: 1...8)
  func orientation(_ value: Int) throws {
    // A picture 32 x 16 as stored: the top left quarter is red, the top right green, the rest black.
    var pixels: [UInt8] = []
    for y in 0..<16 {
      for x in 0..<32 { pixels += y >= 8 ? [0, 0, 0] : x < 16 ? [255, 0, 0] : [0, 255, 0] }
    }
    let data = PictureFiles.jpeg(pixels, width: 32, height: 16, channels: 3, quality: 100, orientation: value)
    let upright = try RGBImage(decoding: data)
    func colour(_ x: Int, _ y: Int) -> String {
      let start = (y * upright.width + x) * 3
      let (red, green) = (upright.pixels[start], upright.pixels[start + 1])
      return red > 200 ? "red" : green > 200 ? "green" : "black"
    }
    let (right, bottom) = (upright.width - 3, upright.height - 3)
    let corners = [colour(2, 2), colour(right, 2), colour(2, bottom), colour(right, bottom)]
    // The standard: where row 0 and column 0 of the stored picture lie in the upright one.
    let expected = [
      1: ["red", "green", "black", "black"], 2: ["green", "red", "black", "black"],
      3: ["black", "black", "green", "red"], 4: ["black", "black", "red", "green"],
      5: ["red", "black", "green", "black"], 6: ["black", "red", "black", "green"],
      7: ["black", "green", "black", "red"], 8: ["green", "black", "red", "black"],
    ]
    #expect(corners == expected[value])
    #expect(upright.width == (value < 5 ? 32 : 16))
  }

  @Test("PNG and WebP may note an orientation too", arguments: 1...8)
  func orientationElsewhere(_ value: UInt8) throws {
    let exif: [UInt8] = [0x49, 0x49, 42, 0, 8, 0, 0, 0, 1, 0, 0x12, 1, 3, 0, 1, 0, 0, 0, value, 0, 0, 0, 0, 0, 0, 0]
    // A picture 3 x 2 as stored, each pixel another gray.
    let stored: [UInt8] = [1, 2, 3, 4, 5, 6]
    let expected: [UInt8: [UInt8]] = [
      1: [1, 2, 3, 4, 5, 6], 2: [3, 2, 1, 6, 5, 4], 3: [6, 5, 4, 3, 2, 1], 4: [4, 5, 6, 1, 2, 3],
      5: [1, 4, 2, 5, 3, 6], 6: [4, 1, 5, 2, 6, 3], 7: [6, 3, 5, 2, 4, 1], 8: [3, 6, 2, 5, 1, 4],
    ]
    let png = PictureFiles.png(
      width: 3, height: 2, depth: 8, colour: 0, chunks: [("eXIf", exif)], lines: [[0, 1, 2, 3], [0, 4, 5, 6]])
    let plain = [UInt8](PictureFiles.webp(stored.flatMap { [$0, $0, $0] }, width: 3, height: 2, channels: 3))
    func chunk(_ name: String, _ content: [UInt8]) -> [UInt8] {
      Array(name.utf8) + [UInt8(content.count), 0, 0, 0] + content + (content.count % 2 == 1 ? [0] : [])
    }
    let body = Array("WEBP".utf8) + chunk("VP8X", [8, 0, 0, 0, 2, 0, 0, 1, 0, 0]) + plain[12...] + chunk("EXIF", exif)
    let webp = Array("RIFF".utf8) + [UInt8(body.count), 0, 0, 0] + body
    for data in [png, Data(webp)] {
      let upright = try RGBImage(decoding: data)
      #expect(upright.width == (value < 5 ? 3 : 2))
      #expect(stride(from: 0, to: 18, by: 3).map { upright.pixels[$0] } == expected[value])
    }
  }

  @Test("no bytes are said to be empty")
  func empty() {
    #expect(throws: ImageError.empty) { try RGBImage(decoding: Data()) }
  }

  @Test(
    "other formats are named",
    arguments: [
      ("BM" + String(repeating: "\0", count: 30), ImageError.notAnImage(looksLike: nil)),
      ("version https://git-lfs.github.com/spec/v1\n", .notAnImage(looksLike: GitLFSPointer.words)),
      ("\0\0\0\u{18}ftypheic", .unsupported(format: "HEIC")),
      ("\0\0\0\u{18}ftypavif", .unsupported(format: "AVIF")),
      ("\0\0\0\u{18}ftypisom", .notAnImage(looksLike: "a video")),
      ("<?xml version=\"1.0\"?><svg/>", .unsupported(format: "SVG")),
      ("%PDF-1.7", .notAnImage(looksLike: "a PDF document")),
      ("\n<!DOCTYPE html><title>404", .notAnImage(looksLike: "a web page")),
      ("\0\0\0", .notAnImage(looksLike: "zero bytes")),
      ("hello", .notAnImage(looksLike: nil)),
      ("B", .notAnImage(looksLike: nil)),
    ])
  func otherFormats(start: String, error: ImageError) {
    #expect(throws: error) { try RGBImage(decoding: Data(start.utf8)) }
  }

  @Test("an animated WebP without a frame is refused")
  func animation() {
    var data = Data("RIFF\u{1A}\0\0\0WEBPVP8X\u{A}\0\0\0".utf8)
    data.append(contentsOf: [0b10, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0])
    data[4] = UInt8(data.count - 8)
    #expect(throws: ImageError.self) { try RGBImage(decoding: data) }
  }

  @Test("a picture of more pixels than allowed is refused before it is decoded")
  func tooLarge() throws {
    let bomb = PictureFiles.png(
      width: 2_000_000_000, height: 2_000_000_000, depth: 1, colour: 0, lines: [[0, 0]])
    #expect(throws: ImageError.tooLarge(width: 2_000_000_000, height: 2_000_000_000, limit: RGBImage.pixelLimit)) {
      try RGBImage(decoding: bomb)
    }
    for data in try [
      picture.png(), picture.jpeg(), PictureFiles.webp(picture.pixels, width: 37, height: 23, channels: 3),
    ] {
      #expect(throws: ImageError.tooLarge(width: 37, height: 23, limit: 850)) {
        try RGBImage(decoding: data, pixelLimit: 850)
      }
      #expect(try RGBImage(decoding: data, pixelLimit: 851).width == 37)
    }
  }

  /// Every format, as files that decode.
  private var files: [(String, Data)] {
    get throws {
      let (pixels, opaque) = (picture.pixels, [UInt8](repeating: 200, count: 37 * 23 * 4))
      func jpeg(_ progressive: Bool) -> Data {
        PictureFiles.jpeg(pixels, width: 37, height: 23, channels: 3, progressive: progressive, orientation: 6)
      }
      let golden = [
        "interlaced.gif", "part-transparent.gif", "rgb.bmp", "sixteen.bmp", "animated-alpha.webp", "tiff_lzw.tif",
        "fax.tif", "jpeg.tif", "rgba.tif",
      ]
      return [
        ("JPEG", jpeg(false)), ("progressive JPEG", jpeg(true)), ("PNG", try picture.png()),
        ("transparent PNG", PictureFiles.png(opaque, width: 37, height: 23, channels: 4)),
        ("WebP", PictureFiles.webp(pixels, width: 37, height: 23, channels: 3, quality: 80)),
        ("lossless WebP", PictureFiles.webp(pixels, width: 37, height: 23, channels: 3)),
      ] + (try golden.map { ($0, try PictureFiles.golden($0)) })
    }
  }

  @Test("a file cut off anywhere is refused, never guessed at, unless nothing of the picture is lost")
  func truncation() throws {
    for (name, data) in try files {
      let whole = try RGBImage(decoding: data)
      var numbers = SeededNumbers(seed: 0, stream: "cut/\(name)")
      for length in (0..<200).map({ _ in numbers.uniform(below: data.count) }) + [data.count - 1] {
        // Behind the pixels of some formats stands a mark of the end, or what a row is filled up with.
        let rest = try? RGBImage(decoding: data.prefix(length))
        #expect(
          rest == nil || (rest == whole && name.contains(".")), "\(name) of \(data.count) bytes, cut to \(length)")
      }
    }
  }

  @Test("flipped bytes give an error or a picture, never a crash")
  func flips() throws {
    for (name, data) in try files {
      var numbers = SeededNumbers(seed: 0, stream: "flip/\(name)")
      for _ in 0..<200 {
        var damaged = data
        for _ in 0...numbers.uniform(below: 4) {
          damaged[numbers.uniform(below: data.count)] = UInt8(numbers.uniform(below: 256))
        }
        do {
          let image = try RGBImage(decoding: damaged, pixelLimit: 1_000_000)
          #expect(image.pixels.count == image.width * image.height * 3)
        } catch {
          #expect(!error.summary.isEmpty)
        }
      }
    }
  }

  @Test("a slice of data that does not begin at 0 is read from its own beginning")
  func slices() throws {
    let data = Data([1, 2, 3]) + (try picture.png())
    #expect(try RGBImage(decoding: data.dropFirst(3)) == picture)
  }

  @Test("an error says what was found and what would help")
  func words() {
    #expect(
      ImageError.truncated(format: "JPEG").diagnosis.description
        == "error: a picture cannot be read\n  a JPEG file that ends early\n  fetch or export the file again")
  }
}
