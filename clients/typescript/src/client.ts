// The client: every method of the protocol, and streams to follow.

import { ProcessConnector, SocketConnector, type Connector } from "./connectors.js";
import { Follower, type FollowerOptions, type Origin } from "./follower.js";
import { Methods } from "./generated.js";
import type {
  EventPayloads,
  EventType,
  FileWatchParams,
  InitializeResult,
  KnownEvent,
  StreamEvent,
} from "./generated.js";
import { Home } from "./home.js";
import { Link, type CallOptions } from "./link.js";
import { Questions, type NotificationHandler, type PermissionHandler } from "./questions.js";
import { StreamSource, WatchSource, type Source } from "./source.js";

/** What every client may be told. */
export interface ClientOptions {
  /** How long a call may take, in milliseconds. Absent: as long as it takes. */
  readonly timeoutMs?: number;
  /** How long a follower tries to come back before it fails, in milliseconds. Default: 30,000. */
  readonly reconnectMs?: number;
  /** Called with each notification that no call or follower waits for. */
  readonly onNotification?: NotificationHandler;
  /** Called with each question of an agent whose run is followed. */
  readonly onPermission?: PermissionHandler;
}

/** How to reach a home's server over its socket. */
export interface ConnectOptions extends ClientOptions {
  /**
   * The folder of the server's state. Absent: `BERTH_HOME`, else `$XDG_STATE_HOME/berth`, else `~/.local/state/berth`.
   */
  readonly home?: string;
  /** The server's socket. Absent: the one that the home's server listens on. */
  readonly socket?: string;
  /** The program that starts a server. Absent: `$BERTH`, else `berth` on the path. */
  readonly berth?: string;
  /** Whether a server is started where none runs. Default: true. */
  readonly start?: boolean;
}

/** How to start a process that serves over its standard input and output. */
export interface SpawnOptions extends ClientOptions {
  /** The folder of the server's state. Absent: the one that `berth` chooses. */
  readonly home?: string;
  /** The program to start. Absent: `$BERTH`, else `berth` on the path. */
  readonly berth?: string;
  /**
   * Whether the process is itself the server of the home, for as long as it is connected, instead of joining the one
   * that runs. Followers then share its one connection.
   */
  readonly inProcess?: boolean;
  /** What to run in place of all that, such as `["ssh", "host", "berth", "serve", "--stdio"]`. */
  readonly command?: readonly string[];
}

/** How to follow a stream. */
export interface FollowOptions extends FollowerOptions {
  /** The last event that is known already. Without it and `tail`: from the beginning. */
  readonly after?: string;
  /** Only this many of the events that are there. */
  readonly tail?: number;
  /** Whether to go on with what comes; else the iteration ends where the stream ends today. Default: true. */
  readonly live?: boolean;
  /** Only events of these types; `job.*` stands for all that begin with `job.`. */
  readonly types?: readonly string[];
}

/** A change of a workspace's files. */
export type FileEvent = Extract<KnownEvent, { type: `file.${string}` }>;

/**
 * A client of one server.
 *
 * It holds one connection. When it is lost, what is open fails with `ConnectionLostError` and the next call opens
 * another one.
 */
export class Client extends Methods<CallOptions> {
  readonly #link: Link;
  readonly #origin: Origin;
  readonly #followers = new Set<{ close(): Promise<void> }>();

  /** Use `connect` or `spawn`. */
  constructor(connector: Connector, options: ClientOptions) {
    const { onNotification: notification, onPermission } = options;
    const questions = onPermission && new Questions(onPermission);
    const link = new Link(connector, options.timeoutMs, questions?.handlers(notification) ?? { notification });
    super(link);
    this.#link = link;
    this.#origin = {
      isExclusive: !connector.isSingle,
      get hasCrashed() {
        return connector.hasCrashed;
      },
      reconnectMs: options.reconnectMs ?? 30_000,
      // A run's questions are asked over the connection that follows it.
      connection: (isStarting) =>
        connector.isSingle ? link.connected() : connector.open(isStarting, questions?.handlers()),
      joined: (follower) => this.#followers.add(follower),
      left: (follower) => this.#followers.delete(follower),
    };
  }

  /** What the server said when the connection was opened; undefined before. */
  get handshake(): InitializeResult | undefined {
    return this.#link.handshake;
  }

  /**
   * Opens the connection, which the first call would do too.
   *
   * @throws ServerUnavailableError, and BerthError where the server refuses the client.
   */
  async open(): Promise<this> {
    await this.#link.connected();
    return this;
  }

  /** Ends the connection and every follower. The server goes on. */
  async close(): Promise<void> {
    await Promise.all([...this.#followers].map((follower) => follower.close()));
    await this.#link.close();
  }

  /** Calls a method by name; for those that are newer than this client. */
  request(method: string, params: object = {}, options?: CallOptions): Promise<unknown> {
    const link: { request(method: string, params: object, options?: CallOptions): Promise<unknown> } = this.#link;
    return link.request(method, params, options);
  }

  /** Follows a stream: `for await (const event of client.follow("custom/build"))`. */
  follow(stream: string, options: FollowOptions = {}): Follower<StreamEvent> {
    const { after, tail, live = true, types } = options;
    const params = { stream, after, tail, follow: live, types: types && [...types] };
    return this.#follower(new StreamSource(params), options);
  }

  /** Follows `events`, which tells the state changes of everything; as `follow`, with typed payloads. */
  events(options: FollowOptions = {}): Follower<KnownEvent> {
    const { after, tail, live = true, types } = options;
    const params = { stream: "events", after, tail, follow: live, types: types && [...types] };
    return this.#follower(new StreamSource(params), options);
  }

  /**
   * Follows what changes in a workspace's files. When the server is restarted the watch is begun again, and `onGap` is
   * called: what changed meanwhile is not known.
   */
  watch(params: FileWatchParams, options: FollowerOptions = {}): Follower<FileEvent> {
    return this.#follower(new WatchSource(params), options);
  }

  #follower<E>(source: Source, options: FollowerOptions): Follower<E> {
    return new Follower<E>(source, this.#origin, options);
  }
}

/** Whether an event is of a type that the server itself appends; narrows its payload. */
export function isEvent<T extends EventType>(
  event: StreamEvent,
  type: T,
): event is StreamEvent & { type: T; payload: EventPayloads[T] } {
  return event.type === type;
}

/** Connects to a home's server over its socket, and starts one where none runs. */
export function connect(options: ConnectOptions = {}): Promise<Client> {
  const { home, socket, berth, start = true } = options;
  return opened(new Client(new SocketConnector(new Home(home), socket, berth, start), options));
}

/** Starts `berth serve --stdio` and speaks over its standard input and output. */
export function spawn(options: SpawnOptions = {}): Promise<Client> {
  const { home, berth, inProcess = false, command } = options;
  const connector = new ProcessConnector(home === undefined ? undefined : new Home(home), berth, inProcess, command);
  return opened(new Client(connector, options));
}

async function opened(client: Client): Promise<Client> {
  try {
    return await client.open();
  } catch (error) {
    await client.close();
    throw error;
  }
}
