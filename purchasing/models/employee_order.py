"""The firm order of an employee pool to its supplier, and what the supplier says to it."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from purchasing.models.employee_pool import EmployeeArticle, EmployeePool
from purchasing.models.order import AnswerLinePaper, AnswerPaper, OrderLinePaper, OrderPaper
from purchasing.models.supplier import Supplier
from purchasing.states import ORDER, machine


class EmployeeOrder(OrderPaper):
    """What is ordered for an employee pool: totals and places, no name of a person. The answer comes by signed link."""

    pool = models.OneToOneField(EmployeePool, models.PROTECT, related_name="order")
    # Null: nobody was chosen, and whoever runs the pool sends the paper.
    supplier = models.ForeignKey(Supplier, models.PROTECT, null=True, blank=True, related_name="employee_orders")

    class Meta:
        ordering = ["-created_at", "-pk"]
        constraints = [
            models.CheckConstraint(
                condition=Q(state__in=["draft", "to_sign"]) | Q(sent_at__isnull=False),
                name="employee_order_sent_has_time",
            ),
        ]
        triggers = [machine("employee_order_states", ORDER)]


class EmployeeOrderLine(OrderLinePaper):
    """One article as ordered, or as confirmed after a change; the gross price the employees pay stays on the article."""

    order = models.ForeignKey(EmployeeOrder, models.PROTECT, related_name="lines")
    article = models.ForeignKey(EmployeeArticle, models.PROTECT, related_name="order_lines")

    class Meta:
        ordering = ["order", "position"]
        constraints = [
            models.UniqueConstraint(fields=["order", "position"], name="employee_order_line_position_once"),
            models.UniqueConstraint(fields=["order", "article"], name="employee_order_line_once"),
        ]

    def __str__(self) -> str:
        return f"{self.order_id}/{self.position}"


class EmployeeOrderAnswer(AnswerPaper):
    """The supplier's answer to an order of employees."""

    order = models.ForeignKey(EmployeeOrder, models.PROTECT, related_name="acknowledgements")

    class Meta:
        ordering = ["order", "at", "pk"]

    def __str__(self) -> str:
        return f"{self.order_id} {self.kind}"


class EmployeeOrderAnswerLine(AnswerLinePaper):
    """One line of an answer to an order of employees."""

    acknowledgement = models.ForeignKey(EmployeeOrderAnswer, models.CASCADE, related_name="lines")
    order_line = models.ForeignKey(EmployeeOrderLine, models.PROTECT, related_name="acknowledged")

    class Meta:
        ordering = ["acknowledgement", "order_line"]
        constraints = [
            models.UniqueConstraint(fields=["acknowledgement", "order_line"], name="employee_order_answer_line_once")
        ]

    def __str__(self) -> str:
        return f"{self.acknowledgement_id}/{self.order_line_id}"
