internal import CPlatform
internal import Glibc

/// Starts a thread that nobody joins.
///
/// - Parameters:
///   - name: Shown by `ps -L` and debuggers; the kernel keeps 15 bytes of it.
///   - body: Runs on the new thread, with every signal blocked: signals are the main thread's.
package func startDetached(_ name: String, _ body: @escaping @Sendable () -> Void) {
  final class Start {
    let name: String
    let body: @Sendable () -> Void
    init(_ name: String, _ body: @escaping @Sendable () -> Void) {
      self.name = name
      self.body = body
    }
  }
  var attributes = pthread_attr_t()
  pthread_attr_init(&attributes)
  defer { pthread_attr_destroy(&attributes) }
  pthread_attr_setdetachstate(&attributes, Int32(PTHREAD_CREATE_DETACHED))
  pthread_attr_setstacksize(&attributes, 1 << 20)

  var all = sigset_t()
  var previous = sigset_t()
  sigfillset(&all)
  pthread_sigmask(SIG_SETMASK, &all, &previous)
  defer { pthread_sigmask(SIG_SETMASK, &previous, nil) }

  let start = Unmanaged.passRetained(Start(name, body))
  var thread = pthread_t()
  let result = pthread_create(
    &thread, &attributes,
    { argument in
      guard let argument else { return nil }
      let start = Unmanaged<Start>.fromOpaque(argument).takeRetainedValue()
      berth_name_thread(start.name)
      start.body()
      return nil
    }, start.toOpaque())
  // No thread can be had: the process is out of memory or at its limit, and nothing it owes can be done.
  precondition(result == 0, "cannot start a thread: \(String(cString: strerror(result)))")
}
