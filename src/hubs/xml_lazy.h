/* SPDX-License-Identifier: MIT */
/*
 * xml_lazy.h - libxml2, loaded with the first page: it brings the tables of Unicode along.
 */
#pragma once

#include <libxml/HTMLparser.h>
#include <libxml/tree.h>

#include "../base/lazy.h"

/* Before any other call; base/lazy.h says the rest. */
PTM_MUST_USE ptm_rc ptmi_xml_load(struct ptm_err *err);

#ifdef PTM_LAZY_XML
/* clang-format off */
#define PTMI_XML_CALLS(X)                                                        \
    X(htmlReadMemory) X(xmlFree) X(xmlFreeDoc) X(xmlGetLineNo) X(xmlGetNoNsProp) \
    X(xmlNodeGetContent)
/* clang-format on */
struct ptmi_xml {
    PTMI_XML_CALLS(PTMI_LAZY_MEMBER)
};
extern struct ptmi_xml ptmi_xml; /* filled once */
#define htmlReadMemory (*ptmi_xml.htmlReadMemory)
#define xmlFree (*ptmi_xml.xmlFree)
#define xmlFreeDoc (*ptmi_xml.xmlFreeDoc)
#define xmlGetLineNo (*ptmi_xml.xmlGetLineNo)
#define xmlGetNoNsProp (*ptmi_xml.xmlGetNoNsProp)
#define xmlNodeGetContent (*ptmi_xml.xmlNodeGetContent)
#endif
