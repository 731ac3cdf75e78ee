import Foundation
import PackagePlugin

/// Writes which commit a build is of, before each build; the file is written anew only where that has changed.
@main
struct CommitPlugin: BuildToolPlugin {
  func createBuildCommands(context: PluginContext, target: Target) throws -> [Command] {
    let folder = context.pluginWorkDirectoryURL.appending(path: "Commit")
    let script = context.package.directoryURL.appending(path: "scripts/commit.sh")
    return [
      .prebuildCommand(
        displayName: "Asking git which commit this is", executable: URL(filePath: "/bin/sh"),
        arguments: [script.path, context.package.directoryURL.path, folder.path], outputFilesDirectory: folder)
    ]
  }
}
