import Foundation
import PackagePlugin

/// Writes which commit a build is of, where git or a source has changed; the file is written anew only where that is another.
@main
struct CommitPlugin: BuildToolPlugin {
  func createBuildCommands(context: PluginContext, target: Target) throws -> [Command] {
    let package = context.package.directoryURL
    let file = context.pluginWorkDirectoryURL.appending(path: "Found.swift")
    // What git writes at each commit and checkout; a command of a package without git has the sources alone.
    let git = [".git/HEAD", ".git/logs/HEAD", ".git/index"].map { package.appending(path: $0) }
    let inputs = git.filter { FileManager.default.fileExists(atPath: $0.path) } + sources(of: context.package)
    return [
      .buildCommand(
        displayName: "Asking git which commit this is", executable: URL(filePath: "/bin/sh"),
        arguments: [package.appending(path: "scripts/commit.sh").path, package.path, file.path], inputFiles: inputs,
        outputFiles: [file])
    ]
  }

  /// The Swift files of the command and its libraries, so that it is noticed where they are not the commit's.
  private func sources(of package: Package) -> [URL] {
    package.targets.compactMap { $0 as? SwiftSourceModuleTarget }.filter {
      $0.kind == .generic || $0.kind == .executable
    }
    .flatMap { $0.sourceFiles(withSuffix: "swift").map(\.url) }
  }
}
