/// A large value that copies share until they are changed, and that is seen to be the same without a look at it.
@propertyWrapper
struct Shared<Value: Sendable & Equatable>: Sendable, Equatable {
  private final class Storage: Sendable {
    let value: Value

    init(_ value: Value) {
      self.value = value
    }
  }

  private var storage: Storage

  init(wrappedValue: Value) {
    storage = Storage(wrappedValue)
  }

  var wrappedValue: Value {
    get { storage.value }
    set { storage = Storage(newValue) }
  }

  var projectedValue: Self { self }

  static func == (a: Self, b: Self) -> Bool {
    a.storage === b.storage || a.storage.value == b.storage.value
  }
}
