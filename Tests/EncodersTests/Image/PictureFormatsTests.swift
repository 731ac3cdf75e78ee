import Encoders
import Foundation
import Multimodal
import Testing
import Torch

/// Pictures in the forms that the web has them in, against Pillow's pixels.
@Suite struct PictureFormatsTests {
  static let names: [String] = {
    let found = try? FileManager.default.contentsOfDirectory(atPath: PictureFiles.goldenFolder.path)
    return (found ?? []).filter { !$0.hasSuffix(".safetensors") && !$0.hasSuffix(".json") }.sorted()
  }()

  @Test("a picture has Pillow's pixels, of several frames or pages those of the first", arguments: names)
  func pixels(name: String) throws {
    let expected = try SafeTensors(reading: PictureFiles.goldenFolder.appending(path: "expected.safetensors")).tensor(
      name)
    let image = try RGBImage(decoding: PictureFiles.golden(name))
    #expect([image.height, image.width, 3] == expected.shape)
    let right = try expected.array(of: Int.self)
    let apart = zip(image.pixels, right).map { abs(Int($0) - $1) }.max() ?? 0
    // Another version of the JPEG library rounds otherwise; everything else is exact.
    #expect(apart <= (name.hasPrefix("jpeg") || name.hasSuffix("jpg") ? 2 : 0))
    #expect(image.pixels.count == right.count)
  }

  @Test("every form is there to be compared")
  func count() {
    #expect(Self.names.count >= 40)
  }

  @Test(
    "a picture that claims more pixels than allowed is refused before it is decoded", arguments: ["gif", "bmp", "tif"])
  func tooLarge(kind: String) throws {
    let name = ["gif": "palette.gif", "bmp": "rgb.bmp", "tif": "plain.tif"][kind] ?? ""
    #expect(throws: ImageError.tooLarge(width: 21, height: 13, limit: 272)) {
      try RGBImage(decoding: PictureFiles.golden(name), pixelLimit: 272)
    }
    #expect(try RGBImage(decoding: PictureFiles.golden(name), pixelLimit: 273).width == 21)
    var data = [UInt8](try PictureFiles.golden(name))
    switch kind {
    case "gif":
      // The screen: 65,535 by 65,535.
      data.replaceSubrange(6..<10, with: [255, 255, 255, 255])
    case "bmp": data.replaceSubrange(18..<26, with: [255, 255, 255, 127, 255, 255, 255, 127])
    default:
      // Width and height of the first directory, as 32 bits each: 70,000.
      let start = Int(data[4]) | Int(data[5]) << 8
      for entry in 0..<Int(data[start]) {
        let place = start + 2 + 12 * entry
        guard [0x100, 0x101].contains(Int(data[place]) | Int(data[place + 1]) << 8) else { continue }
        data.replaceSubrange(place + 2..<place + 12, with: [4, 0, 1, 0, 0, 0, 0x70, 0x11, 1, 0])
      }
    }
    let error = try #require(throws: ImageError.self) { try RGBImage(decoding: Data(data)) }
    guard case .tooLarge(let width, let height, _) = error else {
      Issue.record("\(error)")
      return
    }
    #expect(width > 60_000 && height > 60_000)
  }

  @Test("a TIFF packed in a way that is not read says so")
  func unsupported() throws {
    var data = [UInt8](try PictureFiles.golden("tiff_lzw.tif"))
    let start = Int(data[4]) | Int(data[5]) << 8
    for entry in 0..<Int(data[start]) {
      let place = start + 2 + 12 * entry
      if Int(data[place]) | Int(data[place + 1]) << 8 == 0x103 { data[place + 8] = 6 }
    }
    #expect(throws: ImageError.unsupported(format: "TIFF (packed by the method 6)")) {
      try RGBImage(decoding: Data(data))
    }
  }
}
