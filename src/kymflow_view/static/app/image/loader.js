// Requests for what is shown: the newest wins, older ones are given up.

import { get, getJson, imagePath, isAbort } from "../api.js";
import { readPicture } from "./raster.js";

/**
 * A slot for one kind of request: a new one ends the one before. `run(ask)` calls `ask(signal)` and resolves to
 * its answer, or to undefined if a newer request took its place.
 */
export function slot() {
  let current = null;
  return {
    async run(ask) {
      current?.abort();
      const controller = (current = new AbortController());
      try {
        const answer = await ask(controller.signal);
        return controller.signal.aborted ? undefined : answer;
      } catch (error) {
        if (controller.signal.aborted || isAbort(error)) return undefined;
        throw error;
      }
    },
    end: () => current?.abort(),
  };
}

export const askInfo = (id) => (signal) => getJson(imagePath(id), {}, { signal });

export const askHistogram = (id, channel) => (signal) => getJson(imagePath(id, "histogram"), { channel }, { signal });

export const askTraces = (id, view, columns) => (signal) => getJson(imagePath(id, "traces"), { ...view, columns }, { signal });

export const askPanel = (id, name) => (signal) => getJson(imagePath(id, `panels/${encodeURIComponent(name)}`), {}, { signal });

/** The picture of some lines. */
export const askPicture = (id, view, columns, channel) => async (signal) => {
  const response = await get(imagePath(id, "pixels"), { ...view, columns, channel }, { signal });
  return readPicture(await response.arrayBuffer(), response.headers.get("Kymflow-Picture"));
};
