// Requests of the server's to this client: agents' questions for permission.

import { BerthError } from "./errors.js";
import { errorCodes } from "./generated.js";
import type { AgentRunRequestPermission, Permission, PermissionAnswer, WorkDoneProgress } from "./generated.js";

export type ProgressHandler = (step: WorkDoneProgress) => void;
/** Takes a notification that no call or follower waits for. */
export type NotificationHandler = (method: string, params: unknown) => void;
/**
 * Answers an agent's question: with the id of the option to take, or undefined to leave the question to others.
 *
 * @param signal Is aborted when somebody else was faster.
 */
export type PermissionHandler = (permission: Permission, signal: AbortSignal) => Promise<string | undefined>;
/** Answers a request of the server's. */
export type RequestHandler = (params: unknown, signal: AbortSignal) => Promise<unknown>;

/** Who takes what the server sends by itself over a connection. */
export interface Handlers {
  readonly notification?: NotificationHandler | undefined;
  /** By the names of methods. */
  readonly requests?: Readonly<Record<string, RequestHandler>>;
  /** What the server is told that it may ask. */
  readonly capabilities?: Readonly<Record<string, unknown>>;
}

/** A question that the user's handler has, and how many connections wait for its answer. */
interface Asked {
  readonly answer: Promise<string | undefined>;
  readonly controller: AbortController;
  waiting: number;
}

/** Puts each question to the user's handler once, however many connections bring it. */
export class Questions {
  readonly #handler: PermissionHandler;
  readonly #asked = new Map<string, Asked>();

  constructor(handler: PermissionHandler) {
    this.#handler = handler;
  }

  handlers(notification?: NotificationHandler): Handlers {
    const ask: RequestHandler = (params, signal) => this.#ask((params as AgentRunRequestPermission).permission, signal);
    return { notification, requests: { "agentRun/requestPermission": ask }, capabilities: { permissions: true } };
  }

  async #ask(permission: Permission, signal: AbortSignal): Promise<PermissionAnswer> {
    const asked = this.#asked.get(permission.id) ?? this.#begin(permission);
    asked.waiting += 1;
    try {
      const option = await Promise.race([asked.answer, aborted(signal)]);
      if (option !== undefined) return { option };
    } finally {
      asked.waiting -= 1;
      if (asked.waiting === 0) {
        // Answered, or nobody wants to know any more.
        asked.controller.abort();
        this.#asked.delete(permission.id);
      }
    }
    const type = "cancelled";
    throw new BerthError(errorCodes[type], "The question is left to others.", { type, retryable: false });
  }

  #begin(permission: Permission): Asked {
    const controller = new AbortController();
    const asked = { answer: this.#handler(permission, controller.signal), controller, waiting: 0 };
    // Where nobody waits any more, nobody looks at it.
    asked.answer.catch(() => undefined);
    this.#asked.set(permission.id, asked);
    return asked;
  }
}

function aborted(signal: AbortSignal): Promise<undefined> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve(undefined);
    signal.addEventListener("abort", () => resolve(undefined), { once: true });
  });
}
