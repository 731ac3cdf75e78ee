import OwnMethod
import Seesaw
import SeesawCommand

SeesawCommand.main {
  try MethodRegistry.register(Tilt.self)
  try FusionRegistry.register(Maximum.self)
}
