import assert from "node:assert/strict";
import test from "node:test";

import { startAgain } from "../../../src/kymflow_view/static/app/dataset.js";

test("the command that starts the viewer again is for the same port, with a path as a shell takes it", () => {
  assert.equal(startAgain("/data/lab.zarr", "8765"), "kymflow view /data/lab.zarr");
  assert.equal(startAgain("s3://bucket/lab.zarr", "8800"), "kymflow view s3://bucket/lab.zarr --port 8800");
  assert.equal(startAgain("/my data/lab.zarr", "8765"), 'kymflow view "/my data/lab.zarr"');
});
