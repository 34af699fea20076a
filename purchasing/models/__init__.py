"""The rows of the buying centre, one module per concept."""

from purchasing.models.article import Article, Category, Unit, VatRate
from purchasing.models.award_study import AwardMeasure, AwardStudy
from purchasing.models.budget import (
    ApprovalLevel,
    ApprovalLink,
    Budget,
    BudgetCharge,
    CommitmentApproval,
    Delegation,
)
from purchasing.models.buyer_question import BuyerAnswer, BuyerQuestion, QuestionFollow
from purchasing.models.claim import Claim, ClaimAnswer, ClaimCredit, ClaimEvidence, ClaimLine
from purchasing.models.commitment import Commitment, CommitmentProof, CommitmentVersion
from purchasing.models.delivery import Allocation, HandOver, HandOverLine, Receipt, ReceiptLine, ReceiptPhoto
from purchasing.models.employee_order import (
    EmployeeOrder,
    EmployeeOrderAnswer,
    EmployeeOrderAnswerLine,
    EmployeeOrderLine,
)
from purchasing.models.employee_pool import (
    EmployeeArrival,
    EmployeeArticle,
    EmployeePool,
    EmployeePoolPlace,
    EmployeeTier,
)
from purchasing.models.employee_purchase import (
    EmployeePayBack,
    EmployeePickUp,
    EmployeePurchase,
    EmployeePurchaseLine,
)
from purchasing.models.exchange import ExchangeOffer, Reservation
from purchasing.models.framework import (
    CallOff,
    CallOffLine,
    FrameworkAgreement,
    FrameworkArticle,
    FrameworkPrice,
    FrameworkQuota,
    FrameworkRebateTier,
)
from purchasing.models.framework_rebate import FrameworkRebate, RebateNote, RebateShare
from purchasing.models.order import Acknowledgement, AcknowledgementLine, Consent, PurchaseOrder, PurchaseOrderLine
from purchasing.models.pool import Pool, PooledNeed, PoolLine
from purchasing.models.price import Price, PriceList, PriceListRow, PriceListState
from purchasing.models.question import TenderQuestion
from purchasing.models.recurring import RecurringNeed, RecurringRun, RequestFile
from purchasing.models.request import PurchaseRequest, RequestDecision, RequestLine
from purchasing.models.review import SupplierReview
from purchasing.models.settlement import CostShare, SupplierInvoice, SupplierInvoiceLine
from purchasing.models.stand_alone import StandAlone
from purchasing.models.supplier import Supplier, SupplierClosure, SupplierContact, SupplierDocument
from purchasing.models.tender import Award, AwardLine, PriceTier, Quote, QuoteLine, Tender, TenderInvitation
from purchasing.models.together import PoolTogether

__all__ = [
    "Acknowledgement",
    "AcknowledgementLine",
    "Allocation",
    "ApprovalLevel",
    "ApprovalLink",
    "Article",
    "Award",
    "AwardLine",
    "AwardMeasure",
    "AwardStudy",
    "Budget",
    "BudgetCharge",
    "BuyerAnswer",
    "BuyerQuestion",
    "CallOff",
    "CallOffLine",
    "Category",
    "Claim",
    "ClaimAnswer",
    "ClaimCredit",
    "ClaimEvidence",
    "ClaimLine",
    "Commitment",
    "CommitmentApproval",
    "CommitmentProof",
    "CommitmentVersion",
    "Consent",
    "CostShare",
    "Delegation",
    "EmployeeArrival",
    "EmployeeArticle",
    "EmployeeOrder",
    "EmployeeOrderAnswer",
    "EmployeeOrderAnswerLine",
    "EmployeeOrderLine",
    "EmployeePayBack",
    "EmployeePickUp",
    "EmployeePool",
    "EmployeePoolPlace",
    "EmployeePurchase",
    "EmployeePurchaseLine",
    "EmployeeTier",
    "ExchangeOffer",
    "FrameworkAgreement",
    "FrameworkArticle",
    "FrameworkPrice",
    "FrameworkQuota",
    "FrameworkRebate",
    "FrameworkRebateTier",
    "HandOver",
    "HandOverLine",
    "Pool",
    "PoolLine",
    "PoolTogether",
    "PooledNeed",
    "Price",
    "PriceList",
    "PriceListRow",
    "PriceListState",
    "PriceTier",
    "PurchaseOrder",
    "PurchaseOrderLine",
    "PurchaseRequest",
    "QuestionFollow",
    "Quote",
    "QuoteLine",
    "RebateNote",
    "RebateShare",
    "Receipt",
    "ReceiptLine",
    "ReceiptPhoto",
    "RecurringNeed",
    "RecurringRun",
    "RequestDecision",
    "RequestFile",
    "RequestLine",
    "Reservation",
    "StandAlone",
    "Supplier",
    "SupplierClosure",
    "SupplierContact",
    "SupplierDocument",
    "SupplierInvoice",
    "SupplierInvoiceLine",
    "SupplierReview",
    "Tender",
    "TenderInvitation",
    "TenderQuestion",
    "Unit",
    "VatRate",
]
