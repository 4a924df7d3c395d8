// Turns lines of labels into lists to drag or to move by arrow keys. Without this script the form has text areas.
(() => {
  const form = document.querySelector(".annotation-editor");
  const fields = form && form.querySelector(".annotation-fields");
  if (!form || fields.disabled) {
    return;
  }
  const box = form.querySelector(".annotation-groups");
  const blank = box.querySelector("[data-group]").cloneNode(true);
  let dragged = null;
  let timer = null;
  let isUnsaved = "unsaved" in form.dataset;

  const make = (tag, className, text) => {
    const made = document.createElement(tag);
    made.className = className;
    if (text) {
      made.textContent = text;
    }
    return made;
  };
  const button = (text, name, className, act) => {
    const made = make("button", `desk-button annotation-small ${className}`, text);
    made.type = "button";
    made.setAttribute("aria-label", name);
    made.addEventListener("click", act);
    return made;
  };

  const preview = async () => {
    const answer = await fetch(form.dataset.preview, { method: "POST", body: new FormData(form) });
    if (answer.ok) {
      form.querySelector("[data-preview-area]").innerHTML = await answer.text();
    }
  };
  const changed = () => {
    isUnsaved = true;
    [...box.querySelectorAll("[data-group]")].forEach((group, index) => {
      group.querySelector("[data-number]").textContent = index + 1;
      group.querySelector("[name$='-order']").value = index + 1;
      const inputs = [...group.querySelectorAll(".annotation-labels input")];
      group.querySelector("textarea").value = inputs.map((input) => input.value).join("\n");
    });
    form.querySelector("[data-add]").disabled = box.children.length >= Number(form.dataset.most);
    clearTimeout(timer);
    timer = setTimeout(preview, 300);
  };

  // A handle moves its item among its siblings, by dragging or by the arrow keys.
  const handle = (item, name) => {
    const made = button("⠿", `Move ${name}: arrow keys or drag`, "annotation-handle", () => {});
    made.addEventListener("keydown", (event) => {
      const back = event.key === "ArrowUp" || event.key === "ArrowLeft";
      if (!back && event.key !== "ArrowDown" && event.key !== "ArrowRight") {
        return;
      }
      event.preventDefault();
      const beside = back ? item.previousElementSibling : item.nextElementSibling;
      if (beside) {
        beside[back ? "before" : "after"](item);
        made.focus();
        changed();
      }
    });
    made.addEventListener("pointerdown", (event) => {
      if (event.button === 0) {
        dragged = item;
        item.classList.add("is-dragged");
      }
    });
    return made;
  };

  // Listens on the document, since an element that is moved in it loses a captured pointer.
  document.addEventListener("pointermove", (event) => {
    if (!dragged) {
      return;
    }
    event.preventDefault();
    const under = document.elementFromPoint(event.clientX, event.clientY);
    const beside = [...dragged.parentElement.children].find((each) => each !== dragged && each.contains(under));
    if (beside) {
      const place = beside.getBoundingClientRect();
      beside[event.clientY < place.top + place.height / 2 ? "before" : "after"](dragged);
    }
  });
  const drop = () => {
    if (dragged) {
      dragged.classList.remove("is-dragged");
      dragged = null;
      changed();
    }
  };
  document.addEventListener("pointerup", drop);
  document.addEventListener("pointercancel", drop);

  form.addEventListener("submit", () => {
    isUnsaved = false;
  });
  window.addEventListener("beforeunload", (event) => {
    if (isUnsaved) {
      event.preventDefault();
    }
  });

  // A removed group can be restored until the form is sent.
  const removed = make("div", "annotation-removed");
  removed.setAttribute("aria-live", "polite");
  fields.append(removed);
  const removeGroup = (group) => {
    const place = [...box.children].indexOf(group);
    const title = group.querySelector("[name$='-title']").value.trim();
    const line = make("p", "desk-actions", title ? `“${title}” removed. ` : "Group removed. ");
    const undo = button("Undo", `Restore ${title ? `“${title}”` : "the group"}`, "", () => {
      box.insertBefore(group, box.children[place] || null);
      line.remove();
      changed();
      group.querySelector("input[type=text]").focus();
    });
    group.remove();
    line.append(undo);
    removed.append(line);
    changed();
    undo.focus();
  };

  const addLabel = (list, text) => {
    const item = make("li", "");
    const input = make("input", "");
    input.type = "text";
    input.maxLength = 200;
    input.value = text;
    input.setAttribute("aria-label", "Label");
    input.addEventListener("input", changed);
    input.addEventListener("keydown", (event) => {
      if (event.key === "Enter") {
        event.preventDefault();
        item.after(addLabel(list, ""));
        item.nextElementSibling.querySelector("input").focus();
      }
    });
    const remove = button("×", "Remove this label", "", () => {
      const beside = item.nextElementSibling || item.previousElementSibling;
      item.remove();
      changed();
      (beside || list.parentElement).querySelector("input, button").focus();
    });
    item.append(handle(item, "label"), input, remove);
    list.append(item);
    return item;
  };

  const enliven = (group) => {
    const holder = group.querySelector("[data-labels]");
    const area = holder.querySelector("textarea");
    const list = make("ul", "annotation-labels");
    area.value.split("\n").filter((line) => line !== "").forEach((line) => addLabel(list, line));
    holder.querySelector("label").textContent = "Labels";
    holder.append(
      list,
      button("Add a label", "Add a label to this group", "", () => addLabel(list, "").querySelector("input").focus()),
    );
    const remove = button("Remove", "Remove this group", "", () => removeGroup(group));
    const row = make("div", "desk-actions");
    row.append(handle(group, "group"), remove);
    group.querySelector("legend").after(row);
    group.addEventListener("input", changed);
  };

  const addGroup = () => {
    const count = form.elements.count;
    const group = blank.cloneNode(true);
    group.querySelectorAll("[name]").forEach((field) => {
      field.name = field.name.replace(/^g\d+/, `g${count.value}`);
      if (field.id) {
        field.id = field.name;
      }
      if (field.type === "checkbox") {
        field.checked = false;
      } else {
        field.value = field.name.endsWith("-extra") ? "{}" : "";
      }
    });
    group.querySelectorAll("label[for]").forEach((label) => {
      label.htmlFor = label.htmlFor.replace(/^g\d+/, `g${count.value}`);
    });
    count.value = Number(count.value) + 1;
    box.append(group);
    enliven(group);
    changed();
    group.querySelector("input[type=text]").focus();
  };

  [...box.querySelectorAll("[data-group]")].forEach(enliven);
  form.classList.add("is-live");
  form.querySelector("[data-add]").addEventListener("click", (event) => {
    event.preventDefault();
    addGroup();
  });
})();
