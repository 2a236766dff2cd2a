// A client of Berth, a local server for workspaces, files, streams and jobs.

export type { Gap } from "./attachment.js";
export { connect, isEvent, spawn } from "./client.js";
export type { Client, ClientOptions, ConnectOptions, FileEvent, FollowOptions, SpawnOptions } from "./client.js";
export {
  BerthError,
  ConnectionLostError,
  isBerthError,
  RequestTimeoutError,
  ServerUnavailableError,
} from "./errors.js";
export type { Follower, FollowerOptions } from "./follower.js";
export * from "./generated.js";
export type { CallOptions } from "./link.js";
export type { NotificationHandler, PermissionHandler, ProgressHandler } from "./questions.js";
