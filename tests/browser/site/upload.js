// What the page of an application does: it asks its own server for leave (a signed URL, a policy, a temporary key) and
// sends the file to OSS by itself.

async function leave(name) {
  return (await fetch(`/leave/${name}`)).json();
}

// What a script gets to see of an answer, or of there being none.
async function seen(answering) {
  try {
    const answer = await answering;
    return { status: answer.status, etag: answer.headers.get("ETag"), text: await answer.text() };
  } catch (error) {
    return { failure: error.message };
  }
}

async function putPresigned(file) {
  const { url, headers } = await leave("presigned");
  return seen(fetch(url, { method: "PUT", headers, body: file }));
}

function xhr(method, url, body, headers = {}) {
  return new Promise((resolve) => {
    const request = new XMLHttpRequest();
    const progress = [];
    request.upload.addEventListener("progress", (event) => progress.push(event.loaded));
    request.addEventListener("load", () =>
      resolve({ status: request.status, etag: request.getResponseHeader("ETag"), text: request.responseText, progress }),
    );
    request.addEventListener("error", () => resolve({ failure: "error", status: request.status }));
    request.open(method, url);
    for (const [name, value] of Object.entries(headers)) request.setRequestHeader(name, value);
    request.send(body);
  });
}

async function formData(file) {
  const { url, fields } = await leave("form");
  const data = new FormData();
  for (const [name, value] of Object.entries(fields)) data.append(name, value);
  data.append("file", file);
  return { url, data };
}

async function postForm(file) {
  const { url, data } = await formData(file);
  return seen(fetch(url, { method: "POST", body: data }));
}

async function postFormWithProgress(file) {
  const { url, data } = await formData(file);
  return xhr("POST", url, data);
}

// Readies the form of the page itself, to be sent without any script.
async function fillForm() {
  const { url, fields } = await leave("form");
  document.forms[0].action = url;
  for (const [name, value] of Object.entries(fields)) {
    const input = Object.assign(document.createElement("input"), { type: "hidden", name, value });
    document.getElementById("leave").append(input);
  }
}

async function client() {
  return new OSS(await leave("client"));
}
